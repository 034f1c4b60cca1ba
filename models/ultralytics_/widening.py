"""Starts a wider network from a trained narrower one of the same family.

Chen, Goodfellow and Shlens, Net2Net, 2016: a channel that is there twice counts half each time, so
the wider network begins by computing what the narrower one does. A little noise lets the copies
part.
"""

import re
from typing import Any

import torch
from torch import Tensor

from pipeline.domain.errors import InputError

_ATTENTION = re.compile(r"\.attn\.qkv\.")
_NOISE = 0.02
# A convolution has outputs, inputs, rows and columns.
_CONVOLUTION = 4


def widen(narrow: dict[str, Tensor], wide: Any, *, noise: float = _NOISE) -> None:  # noqa: ANN401
    """Give a network the weights of a narrower one.

    Args:
        narrow: State of the narrower network.
        wide: The wider network, of the same depth and head sizes; it is changed.
        noise: Standard deviation of what is added to each convolution, as a share of its own.

    Raises:
        InputError: The two are not of one family.
    """
    target: dict[str, Tensor] = wide.state_dict()
    if set(narrow) != set(target):
        raise InputError("the networks differ in more than width; they cannot be grown")
    heads = {
        f"{name}.": (module.num_heads, module.key_dim, module.head_dim)
        for name, module in wide.named_modules()
        if hasattr(module, "key_dim")
    }
    grown = {name: _grown(name, narrow[name], like, heads) for name, like in target.items()}
    for name, value in grown.items():
        if value.dim() == _CONVOLUTION and value.shape != narrow[name].shape:
            grown[name] = value + torch.randn_like(value) * value.std() * noise
    wide.load_state_dict(grown)


def _grown(name: str, old: Tensor, like: Tensor, heads: dict[str, tuple[int, int, int]]) -> Tensor:
    """Return a tensor of the new shape: each new channel is a copy of an old one."""
    value = old.clone().to(like.dtype)
    if value.shape == like.shape:
        return value
    if value.dim() != like.dim():
        raise InputError(f"{name} has another form in the wider network")
    source = _sources(old.shape[0], like.shape[0])
    if found := _ATTENTION.search(name):
        source = _attention_sources(old.shape[0], *heads[name[: found.start() + len(".attn.")]])
    value = value[source]
    if value.dim() == _CONVOLUTION and like.shape[1] != value.shape[1]:
        inputs = _sources(value.shape[1], like.shape[1])
        copies = torch.bincount(inputs, minlength=value.shape[1]).to(value.dtype)
        value = value[:, inputs] / copies[inputs][None, :, None, None]
    return value


def _sources(old: int, new: int) -> Tensor:
    """Return, for each new channel, the old one that it copies: neighbours stay neighbours.

    So it does not matter where channels are split and joined between two layers.
    """
    if new < old:
        raise InputError("a network can be grown, not shrunk")
    return torch.arange(new) * old // new


def _attention_sources(old: int, heads: int, key: int, head: int) -> Tensor:
    """Return the sources of queries, keys and values: a head is copied whole, its values shared.

    Args:
        old: Channels of the narrower network's.
        heads: Of the wider one.
        key: Channels of a query, and of a key.
        head: Channels of a head's values.
    """
    each = 2 * key + head
    times = heads // (old // each)
    parts = []
    for number in range(heads):
        first = number // times * each
        parts.append(torch.arange(first, first + 2 * key))
        values = (number % times) * head + torch.arange(head)
        parts.append(first + 2 * key + values // times)
    return torch.cat(parts)
