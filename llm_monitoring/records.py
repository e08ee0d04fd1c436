"""The nouns: one frozen dataclass per table row.

This file is the schema. `lake/schema.py` derives every table from these annotations and
`docs/tables.md` is generated from them, so a unit or the meaning of a null is written once, here.
`None` means unknown; 0 is a measurement. Times are timezone-aware UTC. `hour` is the integer
partition key yyyymmddhh of the window a row belongs to, `week` the Monday of its week, yyyymmdd.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from llm_monitoring.segments import model_of

Hour = Annotated[int, "window the row belongs to, UTC, yyyymmddhh"]
Week = Annotated[int, "Monday the week starts on, UTC, yyyymmdd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to a model, as a source logged it."""

    hour: Hour
    request_id: Annotated[str, "unique; of two rows with one id the later wins"]
    timestamp: Annotated[datetime, "when the request was sent"]
    feature_id: Annotated[str, "product feature that made the request"]
    model_id: Annotated[
        str, "model that answered, as the provider named it; else the one asked for"
    ]
    requested_model: Annotated[str | None, "model asked for; an alias where model_id is a version"]
    provider: Annotated[str | None, "who served the model"]
    latency_ms: Annotated[float | None, "from sending to the last token, ms; None: not logged"]
    input_tokens: Annotated[int | None, "tokens in, cached ones included"]
    output_tokens: Annotated[int | None, "tokens out, reasoning included"]
    cache_read_tokens: Annotated[int | None, "of input_tokens, those read from a cache"]
    cache_write_tokens: Annotated[int | None, "tokens written to a cache"]
    reasoning_tokens: Annotated[int | None, "of output_tokens, those spent on reasoning"]
    cost_usd: Annotated[float | None, "cost, US dollars; None: unpriced"]
    price_version: Annotated[str | None, "price table that gave cost_usd; 'log': the log did"]
    finish_reason: Annotated[
        str | None, "end_turn, max_tokens, refusal, tool_use, error, or the source's own word"
    ]
    error: Annotated[str | None, "error type; None: the request succeeded"]
    session_id: Annotated[str | None, "conversation the request is part of"]
    user_id: Annotated[str | None, "who asked, as the source names them"]
    prompt_version: Annotated[str | None, "version of the feature's prompt"]
    system_fingerprint: Annotated[str | None, "provider's fingerprint of the serving system"]
    input_text: Annotated[str | None, "what the user asked, redacted"]
    output_text: Annotated[str | None, "what the model answered, redacted"]
    source: Annotated[str, "name of the source in monitoring.yaml"]
    file: Annotated[str | None, "file it was read from; None: an earlier version read it"] = None
    attributes: Annotated[
        dict[str, str], "what else the source says of it, by name: category, tenant; redacted"
    ] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSignal:
    """One reaction of a user to one request."""

    hour: Hour
    request_id: Annotated[str, "request the user reacted to"]
    session_id: Annotated[str | None, "conversation it happened in"]
    signal_type: Annotated[str, "thumbs_up, thumbs_down, correction, follow_up or abandoned"]
    timestamp: Annotated[datetime, "when the user reacted"]
    metadata: Annotated[str, "signal-specific data, a JSON object"]
    source: Annotated[str, "name of the source in monitoring.yaml"]
    file: Annotated[str | None, "file it was read from; None: an earlier version read it"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """One input row that could not be loaded, kept with the reason."""

    hour: Hour
    table: Annotated[str, "table the row was meant for"]
    source: Annotated[str, "name of the source in monitoring.yaml"]
    file: Annotated[str, "file it stands in"]
    line: Annotated[int, "line in the file, from 1"]
    reason: Annotated[str, "what is wrong, with the field"]
    excerpt: Annotated[str, "first 200 characters of the row, redacted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRead:
    """What one read of one source over one window came to; counts only, never text."""

    hour: Hour
    table: Annotated[str, "table the source feeds"]
    source: Annotated[str, "name of the source in monitoring.yaml"]
    loaded: Annotated[int, "rows stored for this window"]
    rejected: Annotated[int, "rows rejected and filed under this window"]
    duplicates: Annotated[int, "rows replaced by a later row with the same id"]
    unpriced: Annotated[int, "requests of unknown cost, but those that failed without tokens"]
    skipped: Annotated[int, "spans that are not requests: embeddings, tools, agents"]
    forgotten: Annotated[
        int | None, "rows left out because somebody is forgotten; None: not counted yet"
    ] = None
    dropped: Annotated[
        int | None, "rows lost when a file was last read again and had fewer; None: never"
    ] = None
    dropped_at: Annotated[datetime | None, "when that was seen; None: never"] = None
    attributes_cut: Annotated[
        int | None, "attributes cut short or left out by a bound; None: not counted yet"
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One log file as it was last read: which rows of which hours it held, and which are stored."""

    hour: Annotated[int, "hour its name bears, or first hour of its day; 0: no time in its name"]
    table: Annotated[str, "table the file feeds"]
    source: Annotated[str, "name of the source in monitoring.yaml"]
    path: Annotated[str, "the file"]
    size_bytes: Annotated[int, "its size before it was read"]
    modified_ns: Annotated[int, "its time of change before it was read, ns since 1970"]
    rows: Annotated[str, "hour -> rows in it, rejected and skipped ones too, a JSON object"]
    contents: Annotated[str, "hour -> checksum of its rows, a JSON object"]
    stored: Annotated[str, "hour -> checksum of its rows when last stored, a JSON object"]
    read_at: Annotated[datetime, "when it was read"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of the ledger: something a person or a provider changed."""

    change_id: Annotated[str, "unique"]
    changed_at: Annotated[datetime, "when it took effect"]
    kind: Annotated[str, "deployment, prompt, model, index, price, baseline or other"]
    feature_id: Annotated[str | None, "feature it touched; None: all of them"]
    model_id: Annotated[str | None, "model it touched; None: not about a model"]
    description: Annotated[str, "what was changed, in words"]
    author: Annotated[str | None, "who did it"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledRequest:
    """One request the judge will see."""

    hour: Hour
    request_id: Annotated[str, "the request"]
    feature_id: Annotated[str, "its feature"]
    model_id: Annotated[str, "its model"]
    inclusion_probability: Annotated[float, "chance that this request was sampled, (0, 1]"]
    salt: Annotated[str, "salt of the sampling hash; '' by default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One (request, epoch): scores, or unscored with a reason."""

    hour: Hour
    request_id: Annotated[str, "the request that was judged"]
    feature_id: Annotated[str, "its feature"]
    model_id: Annotated[str, "its model"]
    epoch: Annotated[str, "hash of rubric, judge, parameters and parser; charts never mix two"]
    judge: Annotated[str, "'heuristic', or the judge model's name"]
    inclusion_probability: Annotated[float, "as sampled, (0, 1]"]
    quality_score: Annotated[int | None, "rounded mean of the dimensions, 1-5; None: unscored"]
    quality_mean: Annotated[float | None, "mean of the dimensions, unrounded, 1-5"]
    correctness: Annotated[float | None, "1-5"]
    completeness: Annotated[float | None, "1-5"]
    tone: Annotated[float | None, "1-5"]
    flagged: Annotated[bool | None, "quality_score <= 2 or correctness <= 2; None: unscored"]
    reason: Annotated[str | None, "the judge's short reason"]
    unscored_reason: Annotated[str | None, "why there is no score; None: scored"]
    input_tokens: Annotated[int | None, "judge tokens in; None: no call was made or none reported"]
    output_tokens: Annotated[int | None, "judge tokens out"]
    cost_usd: Annotated[float | None, "what the judge call cost; None: unpriced or no call"]
    judged_at: Annotated[datetime, "when the judgement was made"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFeature:
    """What is known of one sampled query."""

    hour: Hour
    request_id: Annotated[str, "the request"]
    feature_id: Annotated[str, "its feature"]
    model_id: Annotated[str, "its model"]
    embedder: Annotated[str, "name and version of the embedder"]
    length_characters: Annotated[int, "length of the query"]
    language: Annotated[str | None, "ISO 639-1; None: too short to tell"]
    language_expected: Annotated[bool | None, "language is one of the feature's; None: unknown"]
    novelty_distance: Annotated[
        float | None, "cosine distance to the 5th nearest reference query; None: no reference yet"
    ]
    novel: Annotated[bool | None, "novelty_distance is above the reference's cut; None: unknown"]
    nearest_reference: Annotated[str | None, "request_id of the nearest reference query"]
    centroid_similarity: Annotated[
        float | None, "cosine to the reference document's moving centroid; None: first query"
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputReference:
    """One reference query of a feature; novelty is measured against all of them."""

    feature_id: Annotated[str, "the feature"]
    embedder: Annotated[str, "name and version of the embedder"]
    request_id: Annotated[str, "the query's request"]
    hour: Hour
    split: Annotated[str, "'reference' or 'calibration' (held out to set the cut)"]
    embedding: Annotated[list[float], "[d] L2-normalised"]
    cut: Annotated[float, "novelty_distance above this is novel: 95 % of calibration lies below"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowMetric:
    """One measurement: a metric of a segment in one window."""

    hour: Hour
    feature_id: Annotated[str, "the feature"]
    segment: Annotated[str, "part of its traffic, a JSON object of attributes; {}: all of it"]
    epoch: Annotated[str | None, "judge epoch of a quality metric; None: not a judged metric"]
    metric: Annotated[str, "name in the catalogue of metrics"]
    value: Annotated[
        float | None, "the measurement, in the metric's unit; None: nothing to measure"
    ]
    n: Annotated[int, "rows behind the value; 0: the window was empty"]
    stddev: Annotated[float | None, "standard deviation of those rows; None: fewer than two"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Phase I of one chart, frozen."""

    chart_id: Annotated[str, "the chart"]
    baseline_id: Annotated[str, "hash of everything below"]
    status: Annotated[str, "provisional (from 48 windows) or established (from 336)"]
    first_hour: Annotated[int, "first window it was learned from, yyyymmddhh"]
    last_hour: Annotated[int, "last window it was learned from, yyyymmddhh"]
    windows: Annotated[int, "windows it was learned from"]
    parameters: Annotated[str, "what was learned, a JSON object"]
    diagnostics: Annotated[str, "why it was learned so, a JSON object"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebaseline:
    """One decision about baselines: learn anew from an hour on, or leave some hours out."""

    rebaseline_id: Annotated[str, "unique"]
    feature_id: Annotated[str, "feature it concerns"]
    metric: Annotated[str | None, "metric it concerns; None: every metric of the feature"]
    segment: Annotated[
        str | None, "segment it concerns, {} is everything together; None: every segment"
    ]
    from_hour: Annotated[int | None, "Phase I begins anew here, yyyymmddhh; None: it does not"]
    skip_from: Annotated[int | None, "first hour that Phase I leaves out; None: none is left out"]
    skip_to: Annotated[int | None, "last hour that Phase I leaves out"]
    reason: Annotated[str, "why"]
    author: Annotated[str, "who decided it"]
    decided_at: Annotated[datetime, "when"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPoint:
    """One (window, chart): state after the window, statistic, limit, alarm or not."""

    hour: Hour
    chart_id: Annotated[str, "feature/segment/epoch/metric/chart"]
    feature_id: Annotated[str, "the feature"]
    segment: Annotated[str, "part of its traffic, a JSON object of attributes; {}: all of it"]
    epoch: Annotated[str | None, "judge epoch; None: not a judged metric"]
    metric: Annotated[str, "what is charted"]
    chart: Annotated[str, "name in the catalogue of charts"]
    status: Annotated[str, "waiting, no_data, provisional, established or failed"]
    value: Annotated[float | None, "the measurement; None: no data"]
    n: Annotated[int, "rows behind the value"]
    center: Annotated[float | None, "what the baseline expects here; None: no baseline yet"]
    statistic: Annotated[float | None, "the chart's statistic after the window"]
    limit: Annotated[float | None, "an alarm is raised above it"]
    alarm: Annotated[bool, "the chart is out of control: an episode is open"]
    alarm_started: Annotated[bool, "this window opened the episode"]
    direction: Annotated[str | None, "up or down, of an open episode"]
    level: Annotated[float | None, "estimated level since the change, in the metric's unit"]
    change_hour: Annotated[int | None, "estimated first window of the change, yyyymmddhh"]
    baseline_id: Annotated[str | None, "baseline in force; None: none yet"]
    state: Annotated[list[float], "what the next window replays from"]
    failure: Annotated[str | None, "why the chart could not be computed here; None: it was"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """One probe call."""

    week: Week
    run: Annotated[str, "'weekly', or 'confirmation': the second run after an alarm"]
    probe_id: Annotated[str, "the probe"]
    probe_version: Annotated[str, "hash of its input, check and parameters"]
    family: Annotated[str, "format, refusal, factual, reasoning or product"]
    repeat: Annotated[int, "from 0"]
    requested_model: Annotated[str, "model asked for"]
    response_model: Annotated[str | None, "model that says it answered"]
    system_fingerprint: Annotated[str | None, "provider's fingerprint of the serving system"]
    temperature: Annotated[float | None, "as sent; None: not sent"]
    seed: Annotated[int | None, "as sent; None: not sent"]
    max_output_tokens: Annotated[int, "as sent"]
    output_text: Annotated[str | None, "the answer; None: could not measure"]
    output_sha256: Annotated[str | None, "of the answer"]
    finish_reason: Annotated[str | None, "as the provider gave it"]
    input_tokens: Annotated[int | None, "as the provider counted"]
    output_tokens: Annotated[int | None, "as the provider counted"]
    latency_ms: Annotated[float | None, "of the call, ms"]
    check: Annotated[str, "name in the catalogue of check functions"]
    passed: Annotated[bool | None, "the answer has the expected property; None: not measured"]
    check_detail: Annotated[str | None, "why it did not pass"]
    error: Annotated[str | None, "why there is no answer; None: there is"]
    probed_at: Annotated[datetime, "when the call was made"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDrift:
    """One (week, model, test) against the frozen reference run."""

    week: Week
    requested_model: Annotated[str, "the model under probe"]
    test: Annotated[str, "pass_rate, length, or identity (informational)"]
    reference_week: Annotated[int | None, "week of the frozen reference run, yyyymmdd"]
    probes: Annotated[int, "probes compared"]
    statistic: Annotated[float | None, "the test's statistic; None: could not be computed"]
    p_value: Annotated[float | None, "unadjusted; None: could not be computed"]
    p_adjusted: Annotated[float | None, "Holm over the tests of this model and week"]
    power: Annotated[float | None, "chance to see a fall of 20 points; None: not defined for test"]
    verdict: Annotated[
        str, "reference, stable, changed, regressed, too_few_probes or could_not_measure"
    ]
    detail: Annotated[str, "the verdict in words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert: someone is told that something is out of control."""

    fingerprint: Annotated[str, "hash of what fired and when its episode began; unique"]
    layer: Annotated[
        str, "infrastructure, cost, quality, satisfaction, inputs, provider, data or monitor"
    ]
    subject: Annotated[str, "chart_id or test that fired"]
    feature_id: Annotated[str | None, "feature concerned; None: not about one"]
    segment: Annotated[str, "part concerned, a JSON object of attributes; {}: not about a part"]
    metric: Annotated[str, "what is out of control"]
    severity: Annotated[str, "page, ticket or info"]
    status: Annotated[str, "firing or resolved"]
    first_hour: Annotated[int, "first window out of control, yyyymmddhh"]
    last_hour: Annotated[int, "latest window out of control, yyyymmddhh"]
    windows: Annotated[int, "windows out of control so far"]
    change_hour: Annotated[int | None, "estimated first window of the change, yyyymmddhh"]
    direction: Annotated[str | None, "up or down"]
    summary: Annotated[str, "one sentence a person reads"]
    incident_id: Annotated[str | None, "incident it belongs to; None: not yet"]
    created_at: Annotated[datetime, "when the alert was first recorded"]
    updated_at: Annotated[datetime, "when it last changed"]
    found_hour: Annotated[
        int | None, "newest window when it was first recorded; None: by an earlier version"
    ] = None
    severity_at: Annotated[
        datetime | None, "since when it has this severity; None: recorded by an earlier version"
    ] = None
    n: Annotated[
        int | None, "requests (or other rows) behind the windows out of control; None: not known"
    ] = None
    value_before: Annotated[
        float | None, "what is usual there, or the line, in the metric's unit; None: not known"
    ] = None
    value_after: Annotated[
        float | None, "the worst level since the change, in the metric's unit; None: not known"
    ] = None
    chance_hours: Annotated[
        float | None, "hours in which chance alone brings one such alarm; None: it has no budget"
    ] = None
    proposal: Annotated[
        str | None, "how to make its level the new normal, in words; None: not proposed (yet)"
    ] = None

    @property
    def model_id(self) -> str | None:
        """The model of its segment; None: not about one."""
        return model_of(self.segment)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertReading:
    """Up to which version the alerts have read a table; what changed since is read again."""

    table: Annotated[str, "table that was read"]
    version: Annotated[int, "its Delta version"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one channel, and what became of it."""

    delivery_id: Annotated[str, "hash of what is said, to whom, after what; unique"]
    channel: Annotated[str, "name of the channel in monitoring.yaml"]
    topics: Annotated[
        list[str], "incidents, or parts of the monitor, it is about; a summary has many"
    ]
    kind: Annotated[str, "firing, worse, repeated, resolved, summary, digest, or refresh (no news)"]
    severity: Annotated[str, "of what was going on"]
    places: Annotated[
        int | None, "features (or parts of the monitor) concerned; None: not one topic"
    ]
    standing: Annotated[
        list[str], "severity and topic of what it says goes on and is to be told to its end"
    ]
    status: Annotated[str, "sending, delivered, failed (it is tried again) or dropped (never)"]
    attempts: Annotated[int, "how often it was tried"]
    error: Annotated[str | None, "why the last attempt failed, or why there is none any more"]
    of_message: Annotated[bool, "the channel refused this message only; others may go"]
    due_at: Annotated[datetime, "since when the channel has had news to hear"]
    retry_at: Annotated[datetime | None, "not tried before; None: not failed"]
    claimed_by: Annotated[str | None, "the process that sends it; None: nobody did yet"]
    updated_at: Annotated[datetime, "when it was last tried"]
    text: Annotated[str, "the words that were sent: ours alone, never logged text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """One decision not to be told of some alerts until a time; the alerts themselves go on."""

    silence_id: Annotated[str, "unique"]
    incident_id: Annotated[str | None, "incident whose alerts are silent; None: any"]
    feature_id: Annotated[str | None, "feature whose alerts are silent; None: any"]
    segment: Annotated[str, "part whose alerts are silent, a JSON object of attributes; {}: any"]
    metric: Annotated[str | None, "metric whose alerts are silent; None: any"]
    layer: Annotated[str | None, "layer whose alerts are silent; None: any"]
    starts_at: Annotated[datetime, "from when on"]
    until: Annotated[datetime, "until when; an earlier end is written here"]
    who: Annotated[str, "who decided it"]
    why: Annotated[str, "why"]
    decided_at: Annotated[datetime, "when"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedIncident:
    """One fault that people noticed and the monitor did not."""

    missed_id: Annotated[str, "unique"]
    feature_id: Annotated[str | None, "feature concerned; None: not about one"]
    hour: Annotated[int, "hour in which it began, yyyymmddhh"]
    what: Annotated[str, "what was wrong, in a person's words"]
    who: Annotated[str, "who named it"]
    named_at: Annotated[datetime, "when"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed run, failing sensor or schedule, or stretch of hours that nobody measured."""

    failure_id: Annotated[str, "run id, or hash of what fails since when; unique"]
    kind: Annotated[
        str,
        "run, sensor, schedule, channel (no message reaches it) or missing (hours not measured)",
    ]
    name: Annotated[
        str, "job, assets, sensor, schedule or channel; 'hours' where hours are missing"
    ]
    partition: Annotated[str | None, "week or incident of a run; None: hours, or none"]
    first_hour: Annotated[int | None, "first hour concerned, yyyymmddhh; None: not about hours"]
    last_hour: Annotated[int | None, "last hour concerned, yyyymmddhh; None: not about hours"]
    reason: Annotated[str, "what went wrong, in words; quoted text and addresses are left out"]
    failed_at: Annotated[datetime, "when it failed, or was found missing"]
    mended_at: Annotated[datetime | None, "when it was seen to be made good; None: not yet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The last run of the alerts that a sensor started, and what became of its heartbeat."""

    alerts_at: Annotated[datetime, "when everything that was due had been told"]
    on_duty_since: Annotated[datetime, "since when such runs came without a break of two hours"]
    hour: Annotated[int | None, "newest window that was charted, yyyymmddhh; None: none yet"]
    outcome: Annotated[str, "off, sent, sent_fail, withheld or undelivered"]
    reason: Annotated[str | None, "why not simply sent; None: it was, or none is wanted"]


VERDICTS = ("real_regression", "false_positive", "accepted_shift")  # that people give incidents


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident: alerts of one cause, worked through in five steps."""

    incident_id: Annotated[str, "unique; the name of its partition"]
    title: Annotated[str, "what happened, in one sentence"]
    severity: Annotated[str, "of its most severe alert"]
    status: Annotated[str, "open, acknowledged or resolved"]
    step: Annotated[str, "triage, scope, isolate, respond, learn or closed"]
    feature_id: Annotated[str | None, "feature concerned; None: more than one"]
    segment: Annotated[str, "part concerned, a JSON object of attributes; {}: not about one"]
    change_hour: Annotated[int, "estimated first window of the change, yyyymmddhh"]
    first_hour: Annotated[int, "first window out of control, yyyymmddhh"]
    last_hour: Annotated[int, "latest window out of control, yyyymmddhh"]
    alerts: Annotated[list[str], "fingerprints"]
    opened_at: Annotated[datetime, "when it was opened; its clocks start here"]
    triage_due_at: Annotated[datetime, "30 minutes after opening"]
    scope_due_at: Annotated[datetime, "1 hour after opening"]
    isolate_due_at: Annotated[datetime, "2 hours after opening"]
    acknowledged_at: Annotated[datetime | None, "None: nobody has taken it"]
    acknowledged_by: Annotated[str | None, "who took it"]
    verdict: Annotated[str | None, "real_regression, false_positive or accepted_shift"]
    verdict_by: Annotated[str | None, "who said so"]
    verdict_note: Annotated[str | None, "what they found"]
    resolved_at: Annotated[datetime | None, "None: still open"]
    resolved_by: Annotated[str | None, "who closed it"]
    evidence: Annotated[str, "triage sample, scope, suspects and response, a JSON object"]
    report_path: Annotated[str | None, "self-contained HTML report"]

    @property
    def model_id(self) -> str | None:
        """The model of its segment; None: not about one."""
        return model_of(self.segment)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionCase:
    """One failing case, ready for an eval suite."""

    case_id: Annotated[str, "hash of incident and request; unique"]
    incident_id: Annotated[str, "incident it was learned from"]
    request_id: Annotated[str, "the request that failed"]
    feature_id: Annotated[str, "its feature"]
    model_id: Annotated[str, "its model"]
    input_text: Annotated[str, "what the user asked"]
    output_text: Annotated[str | None, "what the model answered, wrongly"]
    expectation: Annotated[str, "what a good answer does, in words"]
    judge_reason: Annotated[str | None, "why the judge flagged it"]
    created_at: Annotated[datetime, "when the case was learned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """One user, session or request that must never be stored again, or a key that hashed ids."""

    kind: Annotated[str, "user, session or request; or key"]
    digest: Annotated[str, "SHA-256 of salt, kind and id, as logged and as stored; of a key a mark"]
    salt: Annotated[str, "random, one for the lake; empty for a key"]
    forgotten_at: Annotated[datetime, "when it was first asked for; the last day a key was in use"]
