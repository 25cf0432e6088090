"""Chat templates as token ids: what a chat template puts around a user message."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stressbench.errors import SetupError
from stressbench.tokens.huggingface import HuggingFaceTokenizer

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_SENTINEL: Final = "\u2063stressbench-content\u2063"


@dataclass(frozen=True)
class TemplateSource:
    """A chat template that can be rendered for any turns."""

    source: str
    variables: Mapping[str, str]
    """``bos_token`` and ``eos_token``."""
    where: str
    encode: Callable[[str], list[int]]
    """Encodes the template's own words, in which special tokens are spelled out."""

    def render(self, messages: Sequence[Mapping[str, object]]) -> str:
        """Return the prompt. Raises ``SetupError`` if the template fails or refuses the turns."""
        import jinja2

        try:
            return self._template.render(
                messages=messages,
                add_generation_prompt=True,
                tools=None,
                documents=None,
                **self.variables,
            )
        except (jinja2.TemplateError, TypeError, KeyError) as error:
            raise SetupError(f"the chat template fails: {error}", where=self.where) from error

    @cached_property
    def _template(self) -> Template:
        import jinja2

        try:
            return _environment().from_string(self.source)
        except jinja2.TemplateError as error:
            raise SetupError(f"the chat template fails: {error}", where=self.where) from error


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """The fixed token ids around the content: prompt = prefix + content + suffix."""

    prefix_ids: tuple[int, ...] = ()
    suffix_ids: tuple[int, ...] = ()
    source: TemplateSource | None = field(default=None, compare=False)
    """For prompts of several turns; None for a model without a chat template."""

    @property
    def tokens(self) -> int:
        """Number of tokens of prefix and suffix together."""
        return len(self.prefix_ids) + len(self.suffix_ids)


def load_template(directory: Path, tokenizer: HuggingFaceTokenizer) -> ChatTemplate:
    """Load the chat template of the model in ``directory``, for one user message.

    The template (``chat_template.jinja``, or ``chat_template`` in ``tokenizer_config.json``)
    is rendered in Jinja's sandbox by Hugging Face's conventions, with
    ``add_generation_prompt``. For a model without a template, the prefix is what its
    tokenizer adds to plain text, usually a BOS token.

    Raises ``SetupError`` if the template fails, or changes the content it wraps.
    """
    config = _config(directory)
    source = _source(directory, config)
    if source is None:
        added = tokenizer.encode_special("", add_special_tokens=True)
        return ChatTemplate(tuple(added), ())
    variables = {name: _token_text(config.get(name)) for name in ("bos_token", "eos_token")}
    template = TemplateSource(source, variables, str(directory), tokenizer.encode_special)
    rendered = template.render([{"role": "user", "content": _SENTINEL}])
    before, found, after = rendered.partition(_SENTINEL)
    if not found or _SENTINEL in after:
        raise SetupError(
            "the chat template changes the user message, or does not contain it exactly once",
            where=str(directory),
            hint="use a model or tokenizer with a plain chat template",
        )
    return ChatTemplate(
        tuple(tokenizer.encode_special(before)), tuple(tokenizer.encode_special(after)), template
    )


def _config(directory: Path) -> dict[str, object]:
    file = directory / "tokenizer_config.json"
    if not file.is_file():
        return {}
    try:
        config = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise SetupError(f"not valid JSON: {error}", where=str(file)) from error
    return config if isinstance(config, dict) else {}


def _source(directory: Path, config: dict[str, object]) -> str | None:
    file = directory / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8")
    template = config.get("chat_template")
    if isinstance(template, list):  # named templates; "default" is the chat one
        named = {entry["name"]: entry["template"] for entry in template if isinstance(entry, dict)}
        template = named.get("default")
    return template if isinstance(template, str) else None


def _environment() -> Environment:
    import jinja2
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> str:
        raise jinja2.TemplateError(message)

    def fixed_date(pattern: str) -> str:
        # With today's date in the template, prompts would differ from day to day.
        return datetime(2024, 1, 1).strftime(pattern)  # noqa: DTZ001 - a constant, no clock

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = fixed_date
    return environment


def _tojson(value: object, indent: int | None = None) -> str:
    # Jinja's own filter escapes HTML; models were trained on unescaped JSON.
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _token_text(value: object) -> str:
    if isinstance(value, dict):  # an AddedToken written out
        value = value.get("content")
    return value if isinstance(value, str) else ""
