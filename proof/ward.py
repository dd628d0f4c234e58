"""A ward's broker as `deploy/mosquitto` configures it, with certificates of a test authority for everybody."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from npng_edge.certificates import make_authority, make_broker, make_client, make_device
from npng_edge.settings import Broker, Place, Tls
from proof.mosquitto import HOST, MosquittoBroker

if TYPE_CHECKING:
    from npng_edge.certificates import Pair

DEPLOY = Path(__file__).parents[1] / "deploy" / "mosquitto"
STATION = "station-1"
"""The station that the ACL of `deploy/mosquitto` lists."""
_ACL = """
user {name}
topic read npng/v1/#
topic read $SYS/#
topic write npng/v1/+/+/+/request/#
topic write npng/v1/+/+/+/vitals
"""


class Ward(MosquittoBroker):
    """Mosquitto with `deploy/mosquitto/ward.conf` and `acl`, whose paths are put below a folder.

    What differs: the port, and `$SYS` comes every second instead of every ten.

    Args:
        folder: For everything; made when it is missing.
        guests: Names of clients beside the beds and the station; they may read everything, ask, and send vital signs.
    """

    def __init__(self, folder: Path, *guests: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder)
        self._pki = folder / "pki"
        self._authority = make_authority(self._pki).certificate
        make_broker(self._pki, [HOST])
        for name in ("conf.d", "data"):
            (folder / name).mkdir()
        acl = folder / "acl"
        acl.write_text((DEPLOY / "acl").read_text() + "".join(_ACL.format(name=name) for name in guests))
        acl.chmod(0o600)
        text = (DEPLOY / "ward.conf").read_text()
        for old, new in {
            "/etc/mosquitto/certs": str(self._pki),
            "/etc/mosquitto/acl": str(acl),
            "/etc/mosquitto/conf.d": str(folder / "conf.d"),
            "/var/lib/mosquitto/": f"{folder}/data/",
            "listener 8883": f"listener {self.port} {self.host}",
            "sys_interval 10": "sys_interval 1",
        }.items():
            assert old in text, old
            text = text.replace(old, new)
        self._config.write_text(f"user root\n{text}")
        self._guests = {name: make_client(self._pki, "station", name) for name in (STATION, *guests)}

    def station(self, name: str = STATION) -> Broker:
        """The way in for a station or a guest."""
        return self._broker(self._guests[name])

    def bed(self, place: Place) -> Broker:
        """The way in for a bed; signs its certificate, so once for each bed."""
        return self._broker(make_device(self._pki, place))

    def delete_database(self) -> None:
        """Forget all sessions and retained messages; only while it does not run."""
        assert self.pid is None
        shutil.rmtree(self._folder / "data")
        (self._folder / "data").mkdir()

    def _broker(self, pair: Pair) -> Broker:
        tls = Tls(ca=self._authority, certificate=pair.certificate, key=pair.key)
        return Broker(host=self.host, port=self.port, tls=tls)
