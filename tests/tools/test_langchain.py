"""The tool in LangChain's agent and in a graph of LangGraph; the model follows a script."""

from __future__ import annotations

import json

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from dynamic_sessions_kernel.tools import python_tool
from dynamic_sessions_kernel.tools.langchain import langchain_tool

PLOT = "import matplotlib.pyplot as plt; plt.plot([1, 4, 9]); plt.show()"


class ScriptedModel(GenericFakeChatModel):
    """Says what a test has written, whatever it is asked; a real one would choose."""

    def bind_tools(self, tools, **_options):
        assert [getattr(tool, "name", None) or tool.__name__ for tool in tools] == ["run_python"]
        return self


def script(*codes: str) -> ScriptedModel:
    """A model that runs these codes, one a turn, and then answers."""
    calls = [
        AIMessage(
            "", tool_calls=[{"name": "run_python", "args": {"code": code}, "id": str(number)}]
        )
        for number, code in enumerate(codes)
    ]
    return ScriptedModel(messages=iter([*calls, AIMessage("Done.")]))


def tool_messages(state) -> list[ToolMessage]:
    assert state["messages"][-1].content == "Done."
    return [message for message in state["messages"] if isinstance(message, ToolMessage)]


QUESTION = {"messages": [{"role": "user", "content": "Compute it."}]}


def test_an_agent_reads_its_error_and_goes_on_with_its_variables(session) -> None:
    model = script("price = 12\nprice * amount", "amount = 3", "price * amount")
    state = create_agent(model, [langchain_tool(session)]).invoke(QUESTION)
    failed, _, computed = (json.loads(message.content) for message in tool_messages(state))
    assert failed["error"] == "NameError: name 'amount' is not defined"
    assert computed["result"] == 36
    assert session.execute("price").result == 12  # the program sees what the agent made


def test_an_image_is_the_message_s_artifact_and_shown_where_that_is_wanted(session) -> None:
    for show in (False, True):
        agent = create_agent(script(PLOT), [langchain_tool(session, show_images=show)])
        (message,) = tool_messages(agent.invoke(QUESTION))
        (image,) = message.artifact
        assert image.data.startswith(b"\x89PNG")
        kinds = [block["type"] for block in message.content_blocks]
        assert kinds == (["text", "image"] if show else ["text"])
        told = json.loads(message.content_blocks[0]["text"])
        assert told["images"] == [{"mime_type": "image/png", "size": len(image.data), "at": ""}]


def test_the_plain_function_is_a_node_of_a_graph(session) -> None:
    tools = [python_tool(session)]
    model = script("print('counted'); 6 * 7").bind_tools(tools)
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    (message,) = tool_messages(graph.compile().invoke(QUESTION))
    told = json.loads(message.content)
    assert (told["result"], told["stdout"]) == (42, "counted\n")


def test_the_model_is_offered_code_as_text_and_nothing_else(session) -> None:
    offered = langchain_tool(session)
    assert offered.args == {"code": {"title": "Code", "type": "string"}}
    assert offered.description.startswith("Run Python code in a sandbox")
