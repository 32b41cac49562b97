"""What a row is. A row holds when its function returns; what it returns says how well."""

import time
from dataclasses import dataclass

import proxies

ROWS = []


class Failed(Exception):
    """The rule of the row was broken; the text says what was seen."""


@dataclass
class Row:
    name: str
    sentence: str
    must: str          # the limits, as people read them
    run: object
    alone: bool        # needs the machine for itself
    start: float       # seconds into the common stage: first the bulk, then what measures short times
    limit: float       # seconds it may take at most


@dataclass
class Result:
    row: Row
    outcome: str = "failed"
    seconds: float = 0.0
    detail: str = ""


def row(name, sentence, must, *, alone=False, start=0.0, limit=60.0):
    """Declares a row: `run(lab)` returns a detail or raises Failed."""
    def declare(run):
        ROWS.append(Row(name, sentence, must, run, alone, start, limit))
        return run
    return declare


def judge(holds, detail):
    if not holds:
        raise Failed(detail)
    return detail


def carry_out(a_row, lab):
    result = Result(a_row)
    start = time.monotonic()
    try:
        result.detail = a_row.run(lab)
        result.outcome = "passed"
    except proxies.Unsupported as why:
        result.outcome, result.detail = "skipped", str(why)
    except Failed as why:
        result.detail = str(why)
    except Exception as error:  # a row that breaks must not take the others with it
        result.detail = f"{type(error).__name__}: {error}"
    result.seconds = time.monotonic() - start
    return result
