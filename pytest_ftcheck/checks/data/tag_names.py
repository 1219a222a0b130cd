"""Checks of tags and their entities: one scheme, valid sequences, and types that train contains."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import Thresholds, check, finding, warning
from pytest_ftcheck.checks.data.splits import ALL_ROWS, filled, graded, share
from pytest_ftcheck.checks.data.word_tags import require_entities, tags_by_name
from pytest_ftcheck.heads.entities import entities_of
from pytest_ftcheck.heads.tag_schemes import PREFIXES, likely_scheme, scheme_of
from pytest_ftcheck.heads.traits import LABEL_PER_TOKEN

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "data.tag_scheme",
    cost="free",
    needs=(LABEL_PER_TOKEN,),
    # Fractions of the entities of a split that break the scheme.
    thresholds={"fail": 0.05, "warn": 0.005},
    catches="tags of two schemes, B- lost or put before every word, splits that were converted separately",
    hint="convert both splits by the same function; in IOB2 each entity begins with B-, in IOB1 only one beside "
    "another of its type, in BIOES the last word has E- and a single one S-.",
)
def tag_scheme(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Label names and tags follow one scheme, IOB2, IOB1, BIOES or BILOU, the same in both splits.

    Assumes: tags are a prefix and a type, such as B-PER, and O.

    Unusual but healthy: some errors of annotators: 0.5% of the entities warn, 5% fail. Tags without prefixes, such as
    parts of speech, are skipped.

    False alarms: none by chance. Tags are counted.
    """
    names = require_entities(evidence)
    if scheme_of(names) is None:
        known = "; ".join(f"{scheme}: {', '.join(prefixes)}" for scheme, prefixes in PREFIXES.items())
        return [finding(f"label names of one scheme, with O ({known})", f"label names {', '.join(names)}")]
    found: list[Finding] = []
    schemes: dict[str, str] = {}
    for split in filled(evidence):
        rows = tags_by_name(evidence, split, names)
        scheme, broken = likely_scheme(rows, names)
        total = sum(len(entities_of(tags)) for tags in rows)
        schemes |= {split.name: scheme} if total else {}
        observed = f"{share(broken, total)} tags are not where {scheme} has them, for {total} entities"
        budgets = (thresholds["fail"], thresholds["warn"])
        what = f"of the entities with a tag that breaks {scheme}, the scheme that fits best"
        found += graded(min(broken, total), total, *budgets, what, observed, subject=split.subject, luck=ALL_ROWS)
    if not found and len(set(schemes.values())) > 1:
        used = ", ".join(f"{scheme} in {name}" for name, scheme in schemes.items())
        found.append(finding("the same scheme in both splits", used))
    return found


@check(
    "data.entity_types",
    cost="free",
    needs=(LABEL_PER_TOKEN,),
    # Entities of a type in the evaluation from which on it must be in training.
    thresholds={"entities": 3},
    catches="entity types that are evaluated and never trained, label names that no row has",
    hint="look for a filter or a mapping of types that is applied to one split only, and for a split by topic.",
)
def entity_types(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Each type of entity of the evaluation is in the train rows as well.

    If no train row has a type of the label names, the check warns.

    Assumes: the model is meant to learn all evaluated types.

    Unusual but healthy: a type of one or two entities may be in the evaluation by chance; label names of a larger
    project, if the rows have only some of them, warn.

    False alarms: none by chance. Entities are counted.
    """
    names = require_entities(evidence)
    counts = [
        Counter(kind for tags in tags_by_name(evidence, split, names) for kind, _, _ in entities_of(tags))
        for split in filled(evidence)
    ]
    if len(counts) < 2:  # one split is empty, which a check of its own says
        return []
    trained, evaluated = counts
    missing = [kind for kind, count in evaluated.items() if not trained[kind] and count >= thresholds["entities"]]
    if missing:
        kinds = ", ".join(f"{kind} ({evaluated[kind]} entities)" for kind in missing)
        return [finding("entities of each evaluated type in the train rows", f"none of {kinds}")]
    named = {name.partition("-")[2] for name in names if "-" in name}
    unseen = sorted(kind for kind in named if not trained[kind])
    if not unseen:
        return []
    expected = "entities of each type that has a label name in the train rows"
    return [warning(expected, f"none of {', '.join(unseen)}", share=len(unseen) / len(named))]
