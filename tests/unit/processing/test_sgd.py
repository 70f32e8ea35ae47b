"""Schema-Guided dialogues keep the state of the session turn by turn."""

import orjson

from processing_formats import metadata, one, reason, shown, state


def turn(speaker, said, *frames):
    return {"speaker": speaker, "utterance": said, "frames": list(frames)}


def frame(service, **members):
    return {"service": service, "actions": [{"act": "INFORM"}], "slots": [], **members}


DIALOGUE = {
    "dialogue_id": "7_1",
    "services": ["Events_1", "Hotels_1"],
    "turns": [
        turn("USER", "an event", frame("Events_1", state={"active_intent": "Find"})),
        turn(
            "SYSTEM",
            "here is one",
            frame(
                "Events_1",
                service_call={"method": "Find", "parameters": {"city": "Rome"}},
                service_results=[{"type": "Music", "name": "X"}],
            ),
        ),
        turn(
            "USER",
            "and a hotel",
            frame("Events_1", state={"active_intent": "NONE"}),
            frame("Hotels_1", state={"active_intent": "Search"}),
        ),
    ],
}


def test_a_call_and_its_results_stand_before_the_turn_that_tells_of_them():
    call = {"type": "tool_call", "id": "call_1_0", "name": "Find", "arguments": {"city": "Rome"}}
    result = {"type": "tool_result", "tool_call_id": "call_1_0", "name": "Find"}
    assert shown(one("sgd", DIALOGUE)) == [
        ("user", "an event"),
        ("assistant", [call]),
        ("tool", [result | {"content": '[{"type":"Music","name":"X"}]'}]),
        ("assistant", "here is one"),
        ("user", "and a hotel"),
    ]


def test_the_session_has_a_member_for_each_service_and_a_step_for_each_turn():
    first = {"Events_1": {"active_intent": "Find"}}
    last = {"Events_1": {"active_intent": "NONE"}, "Hotels_1": {"active_intent": "Search"}}
    steps = [(step.upto, orjson.loads(step.state)) for step in one("sgd", DIALOGUE).steps]
    assert steps == [(1, first), (4, first), (5, last)]


def test_what_else_a_frame_says_is_in_metadata():
    made = one("sgd", DIALOGUE)
    assert metadata(made)[0] == {
        "frames": [{"service": "Events_1", "actions": [{"act": "INFORM"}]}]
    }
    assert metadata(made)[1] == {"calls": [{"service": "Events_1"}]}
    assert state(made) == {
        "source": {"format": "sgd", "id": "7_1"},
        "services": ["Events_1", "Hotels_1"],
    }


def test_what_is_no_dialogue_says_why():
    assert "dialogue_id" in reason("sgd", {"turns": []})
    assert "speaker" in reason("sgd", {"dialogue_id": "a", "turns": [turn("ROBOT", "x")]})
    assert "object" in reason(
        "sgd", {"dialogue_id": "a", "turns": [turn("USER", "x", frame("E", state=[1]))]}
    )
