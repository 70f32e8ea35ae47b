"""Tools that ask the client back."""

import json

from backstory.extending import Ask, InputRequired, Tool, form


def fields(*required, **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


def text(**more):
    return {"type": "string", **more}


NAME = form("What is your name?", fields("name", name=text()))
CONFIRM = form("Please confirm", fields("ok", ok={"type": "boolean"}))
ROOTS = Ask("roots/list")


def sample(prompt, tokens=100):
    message = {"role": "user", "content": {"type": "text", "text": prompt}}
    return Ask("sampling/createMessage", {"messages": [message], "maxTokens": tokens})


def told(what, answer):
    return f"{what}: action={answer['action']}, content={json.dumps(answer.get('content'))}"


async def elicitation(call):
    if "user" not in call.answers:
        wanted = fields("username", "email", username=text(), email=text())
        return InputRequired({"user": form(call.arguments["message"], wanted)})
    return told("User response", call.answers["user"])


async def sampling(call):
    if "model" not in call.answers:
        return InputRequired({"model": sample(call.arguments["prompt"])})
    return f"LLM response: {call.answers['model']['content']['text']}"


def asking_for(schema):
    async def ask(call):
        if "user" not in call.answers:
            return InputRequired({"user": form("Please fill in", schema)})
        return told("Elicitation completed", call.answers["user"])

    return ask


DEFAULTS = fields(
    name=text(default="John Doe"),
    age={"type": "integer", "default": 30},
    score={"type": "number", "default": 95.5},
    status=text(enum=["active", "inactive", "pending"], default="active"),
    verified={"type": "boolean", "default": True},
)


def titled(*names):
    return [{"const": f"value{n}", "title": name} for n, name in enumerate(names, 1)]


ENUMS = fields(
    untitledSingle=text(enum=["option1", "option2", "option3"]),
    titledSingle=text(oneOf=titled("First Option", "Second Option", "Third Option")),
    legacyEnum=text(
        enum=["opt1", "opt2", "opt3"], enumNames=["Option One", "Option Two", "Option Three"]
    ),
    untitledMulti={"type": "array", "items": text(enum=["option1", "option2", "option3"])},
    titledMulti={
        "type": "array",
        "items": {"anyOf": titled("First Choice", "Second Choice", "Third Choice")},
    },
)


async def greets(call):
    if (filled := call.accepted("user_name")) is None or "name" not in filled:
        return InputRequired({"user_name": NAME})
    return f"Hello, {filled['name']}!"


async def asks_a_model(call):
    if "capital_question" not in call.answers:
        return InputRequired({"capital_question": sample("What is the capital of France?")})
    return call.answers["capital_question"]["content"]["text"]


async def lists_roots(call):
    if "client_roots" not in call.answers:
        return InputRequired({"client_roots": ROOTS})
    return ", ".join(root["uri"] for root in call.answers["client_roots"]["roots"])


async def keeps_state(call):
    if call.state is None:
        return InputRequired({"confirm": CONFIRM}, {"asked": "confirm"})
    return f"state-ok: {call.state['asked']}"


async def asks_much(call):
    if len(call.answers) < 3:
        wanted = {"user_name": NAME, "greeting": sample("Generate a greeting", 50)}
        return InputRequired(wanted | {"client_roots": ROOTS}, {"asked": 3})
    return ", ".join(sorted(call.answers))


async def asks_twice(call):
    match call.state:
        case None:
            step = form("Step 1: What is your name?", fields("name", name=text()))
            return InputRequired({"step1": step}, {"round": 1})
        case {"round": 1}:
            name = (call.accepted("step1") or {}).get("name")
            step = form("Step 2: What is your favorite color?", fields("color", color=text()))
            return InputRequired({"step2": step}, {"round": 2, "name": name})
        case _:
            color = (call.accepted("step2") or {}).get("color")
            return f"{call.state['name']} likes {color}"


async def asks_what_it_may(call):
    if call.answers:
        return ", ".join(call.answers)
    wanted = {"form": NAME, "model": sample("Anything"), "roots": ROOTS}
    return InputRequired({name: ask for name, ask in wanted.items() if call.can_ask(ask)})


def schema_of(argument):
    return fields(argument, **{argument: text()})


PREFIX = "test_input_required_result"
TOOLS = [
    Tool("test_elicitation", "Asks the user", elicitation, schema_of("message")),
    Tool("test_sampling", "Asks the model", sampling, schema_of("prompt")),
    Tool("test_elicitation_sep1034_defaults", "Asks with defaults", asking_for(DEFAULTS)),
    Tool("test_elicitation_sep1330_enums", "Asks for choices", asking_for(ENUMS)),
    Tool("test_missing_capability", "Asks the model", asks_a_model),
    Tool("test_streaming_elicitation", "Asks the user", greets),
    Tool(f"{PREFIX}_elicitation", "Asks the user", greets),
    Tool(f"{PREFIX}_sampling", "Asks the model", asks_a_model),
    Tool(f"{PREFIX}_list_roots", "Asks for roots", lists_roots),
    Tool(f"{PREFIX}_request_state", "Keeps a state", keeps_state),
    Tool(f"{PREFIX}_tampered_state", "Keeps a state", keeps_state),
    Tool(f"{PREFIX}_multiple_inputs", "Asks three things", asks_much),
    Tool(f"{PREFIX}_multi_round", "Asks twice", asks_twice),
    Tool(f"{PREFIX}_capabilities", "Asks what it may", asks_what_it_may),
]
