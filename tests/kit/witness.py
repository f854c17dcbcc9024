"""A witness inside PostgreSQL: triggers that write down what must never happen, at the moment it does."""

from sqlalchemy import Engine, text

# A checkpoint is written in the transaction that writes the rows, with the fence of the claim.
TRIGGERS = """
CREATE TABLE witness (at timestamptz DEFAULT clock_timestamp(), what text);

CREATE FUNCTION witness_checkpoint() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE standing bigint := (SELECT fence FROM sources WHERE name = NEW.source);
BEGIN
  IF NEW.fence <> standing THEN
    INSERT INTO witness (what) VALUES (
      format('%s: fence %s wrote a page while the source stood at %s', NEW.source, NEW.fence, standing));
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.fence < OLD.fence THEN
    INSERT INTO witness (what) VALUES (
      format('%s: the fence of the checkpoint went back from %s to %s', NEW.source, OLD.fence, NEW.fence));
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER witness BEFORE INSERT OR UPDATE ON checkpoints
  FOR EACH ROW EXECUTE FUNCTION witness_checkpoint();

CREATE FUNCTION witness_source() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.fence < OLD.fence THEN
    INSERT INTO witness (what) VALUES (format('%s: the fence went back', NEW.name));
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER witness BEFORE UPDATE ON sources FOR EACH ROW EXECUTE FUNCTION witness_source();

CREATE FUNCTION witness_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state IN ('succeeded', 'failed', 'cancelled')
     AND (OLD.state, OLD.pages, OLD.fetched) IS DISTINCT FROM (NEW.state, NEW.pages, NEW.fetched) THEN
    INSERT INTO witness (what) VALUES (format('run %s went on after it had ended %s', OLD.id, OLD.state));
  END IF;
  IF NEW.fence < OLD.fence THEN
    INSERT INTO witness (what) VALUES (format('run %s: the fence went back', OLD.id));
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER witness BEFORE UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION witness_run();

CREATE FUNCTION witness_thing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.version < OLD.version OR NEW.raw_id < OLD.raw_id THEN
    INSERT INTO witness (what) VALUES (format('%s %s: an older version won (%s after %s, page %s after %s)',
      OLD.source, OLD.key, NEW.version, OLD.version, NEW.raw_id, OLD.raw_id));
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER witness BEFORE UPDATE ON things FOR EACH ROW EXECUTE FUNCTION witness_thing();
"""


def install(db: Engine) -> None:
    """Put the witness into a migrated database."""
    with db.begin() as tx, tx.connection.cursor() as cursor:
        # Past SQLAlchemy, which would take the percent signs for parameters.
        cursor.execute(TRIGGERS)


def seen(db: Engine) -> list[str]:
    """What the witness wrote down."""
    with db.connect() as connection:
        return list(connection.scalars(text("SELECT what FROM witness ORDER BY at")))
