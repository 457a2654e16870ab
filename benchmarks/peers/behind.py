"""Where other methods are ahead of ours: over sets, by mean rank, or in a set; and the sentences that say so."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from over_sets import Rows, compare, figures, mean_ranks
from summary import OURS

from smile_runtime.cards.tables import markdown_table

PUBLISHED = "smile-published"
MAX_NAMED = 4
PHRASES = {"sets": "on average over sets in ", "rank": "by mean rank in ", "set": "in single sets, and how many, in "}

Scope = Literal["sets", "rank", "set"]


@dataclass(frozen=True, kw_only=True)
class Behind:
    """A method that is ahead of ours.

    Attributes
    ----------
    metric, method
        Titles of the metric and the method.
    scope
        ``sets`` for the mean over sets, by an interval that excludes zero; ``rank`` for the mean rank; ``set`` for one
        set, by an interval of paired cells that excludes zero.
    where
        The set, or the number of sets.
    theirs, ours
        The metric of both, or their mean ranks.
    """

    metric: str
    method: str
    scope: Scope
    where: str
    theirs: float
    ours: float


def is_peer(method: str) -> bool:
    """Return whether a method is not ours; the published code is none of ours."""
    return not method.startswith(OURS) or method == PUBLISHED


def behind_in_metric(rows: Rows, titles: dict[str, str], metric: str, title: str, ours: str = OURS) -> Iterator[Behind]:
    """Yield the methods that are ahead of ours in a metric, over sets and in each set."""
    found = {name: sets for name, sets in figures(rows, metric).items() if name == ours or is_peer(name)}
    own = found.get(ours, {})
    ranks, n_ranked = mean_ranks(found, metric)
    for method, other in found.items():
        if method == ours:
            continue
        result, about = compare(own, other, metric), {"metric": title, "method": titles[method]}
        if result.interval and result.interval[1] < 0:
            where = f"{result.n_sets} sets"
            yield Behind(scope="sets", where=where, theirs=result.other, ours=result.mean, **about)
        if method in ranks and ranks[method] < ranks.get(ours, 0):
            yield Behind(scope="rank", where=f"{n_ranked} sets", theirs=ranks[method], ours=ranks[ours], **about)
    for row in rows:
        if row["set"] in own and is_peer(row["method"]) and row.get("leads", {}).get(metric, [0, 0])[1] < 0:
            theirs = {"theirs": row["metrics"][metric], "ours": own[row["set"]]}
            yield Behind(scope="set", where=row["set"], metric=title, method=titles[row["method"]], **theirs)


def sentence(heading: str, found: Iterable[Behind], n_sets: int) -> str:
    """Return one sentence on where ours is behind in a kind of task."""
    found, parts = list(found), []
    told = {(each.metric, each.method) for each in found if each.scope == "sets"}
    for scope, phrase in PHRASES.items():
        by_metric: dict[str, list[Behind]] = {}
        for each in found:
            if each.scope == scope and (scope != "rank" or (each.metric, each.method) not in told):
                by_metric.setdefault(each.metric, []).append(each)
        named = [f"{metric} ({_who(scope, group, n_sets)})" for metric, group in by_metric.items()]
        if named:
            parts.append(phrase + ", ".join(named))
    return (
        f"- **{heading}** ({n_sets} set{'s' if n_sets != 1 else ''}): "
        + ("; ".join(parts) if parts else "nowhere, as far as was run")
        + "."
    )


def behind_table(found: dict[str, list[Behind]]) -> str:
    """Return the table of all that is ahead, by kind of task: one row for each metric and scope."""
    table = []
    for heading, each in found.items():
        groups: dict[tuple[str, str], list[Behind]] = {}
        for one in each:
            where = one.where if one.scope != "rank" else f"mean rank, {one.where}"
            groups.setdefault((one.metric, f"mean of {where}" if one.scope == "sets" else where), []).append(one)
        for (metric, where), group in groups.items():
            digits = 1 if group[0].scope == "rank" else 3
            ahead = "; ".join(
                f"{one.method} {one.theirs:.{digits}f}"
                + ("" if one.ours == group[0].ours else f" (against {one.ours:.{digits}f})")
                for one in group
            )
            table.append([heading, metric, where, f"{group[0].ours:.{digits}f}", ahead])
    return markdown_table(["task", "metric", "set or sets", "smile-zoo", "ahead of it"], table)


def _who(scope: Scope, group: list[Behind], n_sets: int) -> str:
    if scope == "set":
        return f"{len({each.where for each in group})} of {n_sets}"
    names = [each.method for each in group]
    return ", ".join(names[:MAX_NAMED]) + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")
