"""Embeddings of small random language models in the layout of transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import command

from topo.io.features import FeatureFile
from topo.io.summary import sequence_md5
from topo.protein import Protein

transformers = pytest.importorskip("transformers", reason="the extra embed is not installed")
h5py = pytest.importorskip("h5py")
RESIDUES = "ACDEFGHIKLMNPQRSTVWYX"


@pytest.fixture(scope="module")
def esm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ESM-2 of one layer with random weights."""
    import torch

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("esm2_tiny")
    tokens = ["<cls>", "<pad>", "<eos>", "<unk>", *RESIDUES, "B", "U", "Z", "O", "<mask>"]
    (folder / "vocab.txt").write_text("\n".join(tokens))
    transformers.EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.EsmConfig(
        vocab_size=len(tokens), mask_token_id=len(tokens) - 1, pad_token_id=1, hidden_size=16,
        num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=80, position_embedding_type="rotary", token_dropout=True,
    )  # fmt: skip
    transformers.EsmModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A T5 encoder of one layer with random weights and one token per residue."""
    import tokenizers
    import torch

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("t5_tiny")
    names = ["<pad>", "</s>", "<unk>", *(f"\N{LOWER ONE EIGHTH BLOCK}{x}" for x in RESIDUES)]
    words = tokenizers.models.WordLevel({name: i for i, name in enumerate(names)}, "<unk>")
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(words), pad_token="<pad>", eos_token="</s>",
        unk_token="<unk>",
    ).save_pretrained(folder)  # fmt: skip
    config = transformers.T5Config(
        vocab_size=len(names), d_model=12, d_kv=6, d_ff=12, num_layers=1, num_heads=2,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    transformers.T5EncoderModel(config).save_pretrained(folder)
    return folder


def fasta(folder: Path, *sequences: str) -> Path:
    path = folder / "p.fasta"
    path.write_text("".join(f">p{i}\n{s}\n" for i, s in enumerate(sequences)))
    return path


def embedded(path: Path, sequence: str) -> np.ndarray:
    features = FeatureFile(path).of(Protein("x", sequence))
    assert features is not None
    return features[0 : len(sequence)]


@pytest.mark.parametrize(("name", "width"), [("esm", 16), ("t5", 12)])
def test_embeddings_are_those_of_the_model(
    name: str, width: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    import torch

    folder = request.getfixturevalue(name)
    sequences = ["MKVLAAG", "MKV" * 9, "A"]
    call = ["embed", fasta(tmp_path, *sequences), "-o", tmp_path / "e.h5", "--model", folder]
    assert command(*call) == 0
    with h5py.File(tmp_path / "e.h5") as file:
        assert {*file} == {sequence_md5(s) for s in sequences}
        assert file.attrs["model"] == folder.name
        assert all(file[key].dtype == np.float16 for key in file)
    model = transformers.AutoModel if name == "esm" else transformers.T5EncoderModel
    loaded = model.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    mark = "" if name == "esm" else "\N{LOWER ONE EIGHTH BLOCK}"
    for sequence in sequences:
        ids = tokenizer.convert_tokens_to_ids([mark + x for x in sequence])
        ids = [tokenizer.cls_token_id, *ids] if name == "esm" else ids
        with torch.no_grad():
            states = loaded(torch.tensor([[*ids, tokenizer.eos_token_id]])).last_hidden_state[0]
        expected = states[int(name == "esm") :][: len(sequence)].numpy()
        found = embedded(tmp_path / "e.h5", sequence)
        assert found.shape == (len(sequence), width)
        np.testing.assert_allclose(found, expected, atol=5e-3)


def test_long_proteins_are_embedded_in_windows(esm: Path, tmp_path: Path) -> None:
    sequence = "MKVLAAGIVG" * 10
    for window in (32, 64):
        call = ["embed", fasta(tmp_path, sequence), "--model", esm, "--window", window]
        assert command(*call, "-o", tmp_path / f"{window}.h5") == 0
        assert embedded(tmp_path / f"{window}.h5", sequence).shape == (100, 16)


def test_an_interrupted_run_is_continued(
    esm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = "MKVLAAG", "MKVAAAG"
    out = tmp_path / "e.h5"
    assert command("embed", fasta(tmp_path, first), "-o", out, "--model", esm) == 0
    out.rename(tmp_path / "e.h5.partial")
    call = ["embed", fasta(tmp_path, first, second), "-o", out, "--model", esm]
    assert command(*call) == 0
    assert "1 embeddings were there from before" in capsys.readouterr().err
    assert len(h5py.File(out)) == 2
    assert not (tmp_path / "e.h5.partial").exists()


def test_a_link_of_the_output_stays(esm: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "e.h5").symlink_to(tmp_path / "real" / "x.h5")
    call = ["embed", fasta(tmp_path, "MKV"), "-o", tmp_path / "e.h5", "--model", esm]
    assert command(*call) == 0
    assert (tmp_path / "e.h5").is_symlink()
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["x.h5"]


def test_a_damaged_unfinished_file_is_begun_anew(esm: Path, tmp_path: Path) -> None:
    out = tmp_path / "e.h5"
    call = ["embed", fasta(tmp_path, "MKV"), "-o", out, "--model", esm]
    assert command(*call) == 0
    whole = out.read_bytes()
    out.unlink()
    for place in range(0, 1200, 100):
        cut = whole[:place] + b"\xff" * 8 + whole[place + 8 :]
        (tmp_path / "e.h5.partial").write_bytes(cut)
        assert command(*call) in (0, 2)


def test_an_unfinished_file_of_another_model_is_refused(
    esm: Path, t5: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "e.h5"
    assert command("embed", fasta(tmp_path, "MKV"), "-o", out, "--model", esm) == 0
    out.rename(tmp_path / "e.h5.partial")
    assert command("embed", fasta(tmp_path, "MKV"), "-o", out, "--model", t5) == 2
    assert "found an unfinished file of esm2_tiny" in capsys.readouterr().err


def test_rare_and_unknown_residues_have_a_token(esm: Path, t5: Path, tmp_path: Path) -> None:
    for name, folder in (("esm", esm), ("t5", t5)):
        call = ["embed", fasta(tmp_path, "MUJ"), "-o", tmp_path / f"{name}.h5", "--model", folder]
        assert command(*call) == 0
        assert np.isfinite(embedded(tmp_path / f"{name}.h5", "MUJ")).all()


def test_what_is_no_model_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["embed", fasta(tmp_path, "MKV"), "-o", tmp_path / "e.h5", "--model", tmp_path]
    assert command(*call) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert "cannot be loaded as a language model" in lines[-1]
    assert not (tmp_path / "e.h5").exists()
