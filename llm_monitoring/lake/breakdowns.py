"""SQL of breakdowns: the value each request has of each of them, and what is gathered as `other`.

A breakdown's values are one text column, `value_0`, `value_1` and so on: a JSON array of one value,
or of two. A request that lacks an attribute has no value there: it counts in what is measured of
everything, and in no segment of that breakdown.
"""

import json
from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from llm_monitoring.segments import COLUMNS, EVERYTHING, OTHER, segment_of
from llm_monitoring.settings.control import Breakdown

WATCHED_OR_OTHER = "case when list_contains($watched, feature_id) then feature_id else $other end"
PLACES = {name: f"request.{column}" for name, column in COLUMNS.items()} | {
    "language": "described.language"
}


def fragments_of(
    breakdowns: Sequence[Breakdown],
    crowded: Collection[int] = (),
    *,
    are_all_watched: bool = True,
) -> dict[str, str]:
    """SQL for the places of a statement that groups by segments.

    Args:
        crowded: places of breakdowns that have more values than are kept apart.
        are_all_watched: every feature has windows of its own; else those in the list $watched
            have, and the others are $other.
    """
    columns = [f"value_{place}" for place in range(len(breakdowns))]
    return {
        "segmented": _segmented(breakdowns, crowded),
        "sizes": " union all ".join(_size(place) for place in range(len(breakdowns))),
        "feature": "feature_id" if are_all_watched else WATCHED_OR_OTHER,
        "values": "".join(f"{column}, " for column in columns),
        **_of_sampled(breakdowns, crowded),
        "groups": ", ".join(
            ["(hour, feature_id)", *(f"(hour, feature_id, {column})" for column in columns)]
        ),
        # A group of a breakdown whose value is unknown is no segment.
        "known": " and ".join(
            ["true", *(f"(grouping({c}) = 1 or {c} is not null)" for c in columns)]
        ),
    }


def parameters_of(breakdowns: Sequence[Breakdown]) -> dict[str, object]:
    """Values for the parameters that those fragments name."""
    keys = {
        _key(place, number): name
        for place, breakdown in enumerate(breakdowns)
        for number, name in enumerate(breakdown.attributes)
        if name not in PLACES
    }
    tops = {f"top_{place}_": breakdown.top for place, breakdown in enumerate(breakdowns)}
    return {**keys, **tops}


def with_segments(table: pa.Table, breakdowns: Sequence[Breakdown]) -> pa.Table:
    """The rows with a column `segment` made of their columns of values."""
    named = [
        _named(table[f"value_{place}"], breakdown.attributes)
        for place, breakdown in enumerate(breakdowns)
    ]
    segment = pc.coalesce(*named, pa.repeat(pa.scalar(EVERYTHING), table.num_rows))
    return table.append_column("segment", segment)


def _named(values: pa.ChunkedArray, attributes: Sequence[str]) -> pa.Array:
    encoded = values.combine_chunks().dictionary_encode()
    texts = [
        segment_of(dict(zip(attributes, json.loads(values), strict=True)))
        for values in encoded.dictionary.to_pylist()
    ]
    return pa.array(texts, pa.string()).take(encoded.indices)


def _of_sampled(breakdowns: Sequence[Breakdown], crowded: Collection[int]) -> dict[str, str]:
    """Values of rows about sampled requests: their own model, or what their requests have."""
    if not crowded and all(breakdown.attributes == ["model"] for breakdown in breakdowns):
        values = (
            f", to_json([own.model_id])::varchar as value_{n}" for n, _ in enumerate(breakdowns)
        )
        return {"own_values": "".join(values), "own_requests": ""}
    return {
        "own_values": "".join(f", value_{place}" for place in range(len(breakdowns))),
        "own_requests": (
            "left join segmented as request"
            " on request.request_id = own.request_id and request.hour = own.hour"
            " order by own.hour, own.request_id"
        ),
    }


def _segmented(breakdowns: Sequence[Breakdown], crowded: Collection[int]) -> str:
    """Tables `valued`, `kept_<n>` and `segmented`: requests with a value of each breakdown.

    What need not be joined is not: the last digits of a mean follow the order of its rows.
    """
    values = "".join(
        f", {_value(place, breakdown)} as raw_{place}" for place, breakdown in enumerate(breakdowns)
    )
    joins = "".join(
        f" left join kept_{n} on kept_{n}.hour = valued.hour"
        f" and kept_{n}.feature_id = valued.feature_id and kept_{n}.raw_{n} = valued.raw_{n}"
        for n in crowded
    )
    gathered = "".join(
        f", case when kept_{n}.hour is not null then valued.raw_{n}"
        f" when valued.raw_{n} is not null then '{_rest(breakdown)}' end as value_{n}"
        if n in crowded
        else f", valued.raw_{n} as value_{n}"
        for n, breakdown in enumerate(breakdowns)
    )
    order = " order by valued.hour, valued.request_id" if crowded else ""
    return ", ".join(
        [
            f"valued as (select request.*{values} from"
            " (select * replace ({feature} as feature_id) from raw_requests"
            " where hour between $first and $last) as request"
            f"{_described(breakdowns)})",
            *(_kept(n) for n in crowded),
            f"segmented as (select valued.*{gathered} from valued{joins}{order})",
        ]
    )


def _size(place: int) -> str:
    return (
        f"select {place} as place, count(distinct raw_{place}) as values, $top_{place}_ as kept"
        " from valued group by hour, feature_id"
    )


def _kept(place: int) -> str:
    """The busiest values of an hour; of equal ones the first by name."""
    return (
        f"kept_{place} as (select hour, feature_id, raw_{place} from valued"
        f" where raw_{place} is not null group by hour, feature_id, raw_{place}"
        f" qualify row_number() over (partition by hour, feature_id"
        f" order by count(*) desc, raw_{place}) <= $top_{place}_)"
    )


def _value(place: int, breakdown: Breakdown) -> str:
    parts = [
        PLACES.get(name) or f"request.attributes[${_key(place, number)}]"
        for number, name in enumerate(breakdown.attributes)
    ]
    known = " and ".join(f"{part} is not null" for part in parts)
    return f"case when {known} then to_json([{', '.join(parts)}])::varchar end"


def _rest(breakdown: Breakdown) -> str:
    return json.dumps([OTHER] * len(breakdown.attributes), separators=(",", ":"))


def _key(place: int, number: int) -> str:
    return f"key_{place}_{number}_"


def _described(breakdowns: Sequence[Breakdown]) -> str:
    """The language of a request is known of sampled ones, once they are described."""
    if not any("language" in breakdown.attributes for breakdown in breakdowns):
        return ""
    return " left join input_features as described using (request_id, hour)"
