"""Step 4, respond: what to do about the likeliest suspects."""

from collections.abc import Sequence

from llm_monitoring.incidents.evidence import Response, Scope, Suspect


def respond(found: Sequence[Suspect], scope: Scope | None) -> tuple[Response, ...]:
    """What to do about the likeliest suspects; for nobody in particular where there is none."""
    segment = scope.confined_to if scope else None
    least = max(CONVINCING * found[0].score, LEAST_SCORE) if found else LEAST_SCORE
    strong = [s for s in found if s.score >= least][:MOST_RESPONSES]
    responses = [_response(s, segment) for s in strong]
    if responses:
        return tuple({r.action: r for r in reversed(responses)}.values())[::-1]
    where = f" for {segment[0]} {segment[1]}" if segment else ""
    text = NO_SUSPECT.format(where=where)
    return (Response(action="investigate", text=text, because="no likely suspect was found"),)


def _response(suspect: Suspect, segment: tuple[str, str] | None) -> Response:
    by_segment = segment is not None and segment[0] == "language"
    action, text = RESPONSES.get((suspect.kind, by_segment)) or RESPONSES[(suspect.kind, False)]
    named = f"{segment[0]} {segment[1]}" if segment else "everyone"
    return Response(
        action=action,
        text=text.format(segment=named, model=suspect.model_id or "the model"),
        because=suspect.description,
    )


CONVINCING = 0.6  # of the best score: named as an alternative
LEAST_SCORE = 0.2  # a fainter suspect is listed, and nothing is done about it
MOST_RESPONSES = 3
_ROLLBACK = (
    "roll back",
    "Roll the deployment back; look at the failing cases before trying again.",
)
_PIN = (
    "pin the model",
    "Pin a dated version of {model}, or route to another model until its answers are back; "
    "send the failing cases to the provider.",
)
# (kind of suspect, the incident is confined to a kind of query) -> (action, what to do)
RESPONSES: dict[tuple[str, bool], tuple[str, str]] = {
    ("deployment", False): _ROLLBACK,
    ("prompt", False): ("roll back the prompt", "Go back to the prompt version before the change."),
    ("prompt", True): (
        "hotfix the prompt",
        "Hotfix the prompt for {segment} only; roll it back if that takes more than an hour.",
    ),
    ("model", False): ("roll back the model", "Route back to the model that served before."),
    ("provider", False): _PIN,
    ("index", False): ("roll back the index", "Serve the index of before the update."),
    ("price", False): (
        "accept or reroute",
        "Nothing is broken: raise the budget, or route to a cheaper model that passes the probes.",
    ),
    ("baseline", False): (
        "review the baseline",
        "The baseline was replaced at this time: check that what it learned was sound.",
    ),
    ("users", False): (
        "serve the new users",
        "Hotfix the prompt for the new users, add their language or topic to the feature's "
        "expected ones if they are welcome (then accept the shift), or turn them away politely.",
    ),
    ("traffic", False): (
        "check the traffic",
        "Find out who sends it (launch, robot, retry loop), then limit it or accept the shift.",
    ),
    ("silence", False): (
        "bring the requests back",
        "Find out whether users cannot reach the feature (outage, routing, a switch) or only its "
        "logs are missing, and mend that.",
    ),
    ("judge", False): (
        "repair the judge",
        "Doubt the instrument first: re-judge the anchors, then these windows.",
    ),
    ("limits", False): (
        "raise the rate limits",
        "Ask for higher rate limits, spread or queue the load, or route part of it away.",
    ),
    ("errors", False): (
        "route away",
        "Route {segment} to a fallback model or region until the errors stop.",
    ),
    ("other", False): ("undo the change", "Undo it if that is cheap; else watch it closely."),
}  # fmt: skip
NO_SUSPECT = (
    "Nothing likely stands in the ledger near the estimated change, or shows in the records. Ask "
    "who changed what{where}, add it to the ledger, and route away if users are harmed meanwhile."
)
