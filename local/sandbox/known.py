"""Coins whose names people know. Prices and supplies are invented; only their size is plausible.

Kept here because random names cannot show what goes wrong with real ones: different coins that share a
symbol, wrapped coins, names that differ between the two APIs, names outside ASCII, a price of exactly 0.
"""

# symbol | name | slug | price in USD | circulating supply | maximum supply (empty: none)
TABLE = """
BTC|Bitcoin|bitcoin|87077.69661924685|19950000|21000000
ETH|Ethereum|ethereum|2901.25|120700000|
USDT|Tether|tether|0.9998|184000000000|
XRP|XRP|xrp|2.0841|60000000000|100000000000
BNB|Binance Coin|binance-coin|851|137700000|200000000
SOL|Solana|solana|134.72918273645|558000000|
USDC|USD Coin|usd-coin|1|74000000000|
DOGE|Dogecoin|dogecoin|0.14231|151000000000|
TRX|TRON|tron|0.274|94600000000|
ADA|Cardano|cardano|0.4123|35800000000|45000000000
WBTC|Wrapped Bitcoin|wrapped-bitcoin|86990.5|128000|128000
WETH|WETH|weth|2900.999|3200000|
WBNB|Wrapped BNB|wrapped-bnb|850.75|1300000|
STETH|Lido Staked Ether|lido-staked-ether|2899.5|8600000|
LINK|Chainlink|chainlink|12.85|697000000|1000000000
AVAX|Avalanche|avalanche|13.37|427000000|715000000
SHIB|Shiba Inu|shiba-inu|0.00000787|589000000000000|
PEPE|Pepe|pepe|0.000004512|420690000000000|420690000000000
PEPE|Pepe of Ethereum Classic|pepe-of-ethereum-classic|0.00000000311|900000000000|
UNI|Uniswap|uniswap|6.02|630000000|1000000000
UNI|UNICORN Token|unicorn-token|0.000000000112|5000000000000|
HOT|Holo|holo|0.0004511|177000000000|
HOT|Hydro Protocol|hydro-protocol|0.0000702|700000000|1560000000
ACE|Fusionist|fusionist|0.2661|84000000|147000000
ACE|ACENT|acent|0.0008215|1600000000|
LUNA|Terra|terra|0.0712|709000000|
LUNC|Terra Classic|terra-classic|0.0000281|5480000000000|
DOT|Polkadot|polkadot|2.25|1640000000|2100000000
LTC|Litecoin|litecoin|84.1|76600000|84000000
MATIC|Polygon|polygon|0.1341|10500000000|
1INCH|1inch|1inch|0.1822|1400000000|1500000000
USD1|USD1 "World"|usd1-world|1.0002|2700000000|
DOGGE|狗狗币|gou-gou-bi|0.00000921|1000000000|
CAFE|Café & Crème|cafe-creme|0.0451|21000000|
NOUGHT|Nought|nought|0|1000000|
PICO|Picocoin|picocoin|0.000000000001|8000000000000000|
PICO|Pico Network|pico-network|0.0000000000012345678901234|70000000000000|
MARK|Benchmark Gold|benchmark-gold|99999.99|12|
"""


def known() -> list[list[str]]:
    """The rows of the table: symbol, name, slug, price, circulating supply, maximum supply."""
    return [line.split("|") for line in TABLE.strip().splitlines()]
