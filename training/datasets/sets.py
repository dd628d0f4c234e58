"""All sets that can be read, by the names they have on the command line."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from training.datasets.biovid import BIOVID
from training.datasets.ck_plus import CK_PLUS
from training.datasets.disfa import DISFA
from training.datasets.disfa_plus import DISFA_PLUS
from training.datasets.unbc import UNBC

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.datasets.labelled import DataSet

SETS: Mapping[str, DataSet] = MappingProxyType({one.name: one for one in (UNBC, BIOVID, DISFA, DISFA_PLUS, CK_PLUS)})
