"""`topo data structures` against a server on this machine that speaks the database's API."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from structure_files import mmcif_text, pdb_text

from topo.cli.main import main
from topo.curation import alphafold
from topo.curation.alphafold import fetch_structures, read_accessions
from topo.errors import TopoError
from topo.io.structure import StructureFolder
from topo.protein import Protein

SEQUENCE = "MKTAYIAKQR"


class Database(BaseHTTPRequestHandler):
    asked: Counter[str]
    agents: set[str]

    def do_GET(self) -> None:
        self.asked[self.path] += 1
        self.agents.add(self.headers["User-Agent"])
        kind, _, name = self.path[1:].partition("/")
        accession = name.partition(".")[0]
        if kind == "prediction":
            self._answer(accession)
        else:
            text = (pdb_text if name.endswith("pdb") else mmcif_text)(SEQUENCE, predicted=True)
            self._send_file(accession, text.encode())

    def _answer(self, accession: str) -> None:
        first = self.asked[self.path] == 1
        if accession == "P99999":
            self._send(404, b'{"error": "no model"}')
        elif accession == "P00002" and first:
            self._send(503, b"busy", {"Retry-After": "0"})
        elif accession == "P00009":
            self._send(200, b"<html>login</html>")
        else:
            root = f"http://127.0.0.1:{self.server.server_port}/files/{accession}"
            entry = {
                "entryId": f"AF-{accession}-F1",
                "uniprotAccession": accession,
                "uniprotSequence": SEQUENCE,
                "cifUrl": f"{root}.cif",
                "pdbUrl": f"{root}.pdb",
            }
            other = {**entry, "uniprotAccession": f"{accession}-2", "cifUrl": f"{root}-2.cif"}
            self._send(200, json.dumps([other, entry]).encode())

    def _send_file(self, accession: str, content: bytes) -> None:
        first = self.asked[self.path] == 1
        if accession == "P00003" and first:  # a connection that breaks off
            self._send(200, content[: len(content) // 2], {"Content-Length": str(len(content))})
        elif accession == "P00004" and first:  # a short file that looks finished
            self._send(200, content[: content.rindex(b"\nATOM")] + b"\n")
        elif accession == "P00008":
            self._send(200, b"<html>sorry</html>")
        else:
            self._send(200, content)

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(alphafold, "_LONGEST_WAIT", 0.01)
    Database.asked, Database.agents = Counter(), set()
    with HTTPServer(("127.0.0.1", 0), Database) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/prediction"
        server.shutdown()


def fetch(accessions: list[str], folder: Path, api: str, **options) -> dict[str, str]:
    found = fetch_structures(accessions, folder, api=api, pause=0, **options)
    return {one.accession: one.status for one in found}


def test_models_come_once_and_gaps_are_listed(api: str, tmp_path: Path) -> None:
    wanted = ["P00001", "P99999", "P00002", "P00003", "P00004"]
    expected = dict.fromkeys(wanted, "fetched") | {"P99999": "no model"}
    assert fetch(wanted, tmp_path, api) == expected
    assert all(agent.startswith("topo/") for agent in Database.agents)
    asked = Database.asked.total()
    again = dict.fromkeys(wanted, "kept") | {"P99999": "no model"}
    assert fetch(wanted, tmp_path, api) == again
    assert Database.asked.total() == asked + 1  # only for the one without a model
    for row in (tmp_path / "index.tsv").read_text().splitlines()[1:]:
        _, name, digest, url = row.split("\t")
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
        assert url.endswith(name)
    (protein,) = StructureFolder(tmp_path).attach([Protein("sp|P00003|X_HUMAN", SEQUENCE)])
    assert protein.plddt is not None
    assert protein.structure.covered == 1


def test_damaged_file_is_fetched_anew(api: str, tmp_path: Path) -> None:
    fetch(["P00001"], tmp_path, api)
    (tmp_path / "P00001.cif").write_text("data_cut\n")
    assert fetch(["P00001"], tmp_path, api) == {"P00001": "fetched"}
    assert fetch(["P00001"], tmp_path, api, form="pdb") == {"P00001": "fetched"}
    assert (tmp_path / "P00001.pdb").read_text().startswith("HEADER")


@pytest.mark.parametrize(("accession", "words"), [("P00008", "HTML"), ("P00009", "no JSON list")])
def test_broken_answers_end_the_run_and_leave_no_file(
    accession: str, words: str, api: str, tmp_path: Path
) -> None:
    with pytest.raises(TopoError, match=words) as caught:
        fetch(["P00001", accession], tmp_path, api)
    assert "\n" not in str(caught.value)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["P00001.cif", "index.tsv"]
    assert fetch(["P00001"], tmp_path, api) == {"P00001": "kept"}


def test_no_server_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TopoError, match="no connection to the server"):
        fetch(["P00001"], tmp_path, "http://127.0.0.1:9/prediction")


def test_accessions_of_files_and_arguments(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# mine\nP00001\n\np00002\n")
    (tmp_path / "set.fasta").write_text(">sp|P00003|NAME some\nMKT\n>A0A0H3JX61\nMK\n")
    arguments = ["P00002", str(tmp_path / "list.txt"), str(tmp_path / "set.fasta")]
    assert read_accessions(arguments) == ["P00002", "P00001", "P00003", "A0A0H3JX61"]
    with pytest.raises(TopoError, match="expected a UniProt accession"):
        read_accessions(["nothing"])
    (tmp_path / "bad.txt").write_text("hello\n")
    with pytest.raises(TopoError, match="'HELLO', expected a UniProt accession"):
        read_accessions([str(tmp_path / "bad.txt")])


def test_command_line(
    api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["P00001", "P99999", "-o", str(tmp_path / "af"), "--api", api]
    monkeypatch.setattr(sys, "argv", ["topo", "data", "structures", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "P99999: no model in the database"
    assert out[1].endswith("1 fetched, 0 there already, 1 without a model")
