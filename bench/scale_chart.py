"""The chart of `bench.scale`: rows a second against pullers, a line for each source."""

from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 340, 80, 50, 50, 30
COLOURS = ("#1f6feb", "#bf5700")


def chart(title: str, lines: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """An SVG of the lines, each relative to its own first point: with twice the pullers, how much more."""
    shown = {name: [(x, y / points[0][1]) for x, y in points] for name, points in lines.items()}
    most_x = max(x for points in shown.values() for x, _ in points)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="15">{title}</text>',
        *_grid(most_x),
        f'<path d="{_path([(1, 1.0), (most_x, float(most_x))], most_x)}" stroke="#999" '
        'stroke-dasharray="4 4" fill="none"/>',
    ]
    for number, (name, points) in enumerate(shown.items()):
        colour = COLOURS[number]
        parts.append(f'<path d="{_path(points, most_x)}" stroke="{colour}" stroke-width="2.5" fill="none"/>')
        for (x, y), (_, rows) in zip(points, lines[name], strict=True):
            cx, cy = _place(x, y, most_x)
            parts.append(f'<circle cx="{cx:.0f}" cy="{cy:.0f}" r="4" fill="{colour}"/>')
            parts.append(f'<text x="{cx - 8:.0f}" y="{cy - 9:.0f}" fill="{colour}">{rows:,.0f}</text>')
        parts.append(f'<text x="{LEFT + 12}" y="{TOP + 18 + 18 * number}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _grid(most: int) -> list[str]:
    drawn = []
    for value in (1, 2, 4, 8):
        if value > most:
            break
        x, y = _place(value, value, most)
        drawn.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.0f}" y2="{y:.0f}" stroke="#eee"/>')
        drawn.append(f'<text x="{LEFT - 34}" y="{y + 4:.0f}">{value}x</text>')
        drawn.append(f'<text x="{x - 4:.0f}" y="{HEIGHT - BOTTOM + 20}">{value}</text>')
    drawn.append(f'<text x="{WIDTH - RIGHT - 60}" y="{HEIGHT - 8}">pullers</text>')
    return drawn


def _path(points: Sequence[tuple[int, float]], most: int) -> str:
    return "M" + " L".join(f"{x:.0f},{y:.0f}" for x, y in (_place(*point, most) for point in points))


def _place(x: float, y: float, most: int) -> tuple[float, float]:
    across = (x - 1) / max(most - 1, 1)
    up = (y - 0.5) / (most - 0.5)
    return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)
