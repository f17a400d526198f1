"""LangChain's own standard suite for chat models, played against the gateway."""
import os

import pytest

pytest.importorskip("langchain_tests")
pytest.importorskip("langchain_openai")
from langchain_openai import ChatOpenAI  # noqa: E402
from langchain_tests.integration_tests import ChatModelIntegrationTests  # noqa: E402


class Standard(ChatModelIntegrationTests):
    name = "primary-agent-model"

    @property
    def chat_model_class(self):
        return ChatOpenAI

    @property
    def chat_model_params(self):
        return {"model": self.name, "base_url": os.environ["TALLYGATE_BASE_URL"],
                "api_key": os.environ["TALLYGATE_KEY"], "stream_usage": True, "temperature": 0}

    @property
    def has_tool_choice(self):
        return True

    # The suite's picture stands in the internet; pictures have golden cases.

class TestOpenai(Standard):
    pass


class TestClaude(Standard):
    name = "claude"
