"""Combined optimiser: same steps as its two parts, saved states, learning-rate schedules."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from topo.config import load_config
from topo.nn.tagger import Tagger
from topo.nn.trunk import weight_name
from topo.training.optimizer import MuonWithAdamW, learning_rate_factor, make_optimizer


def net() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2))


def joined(model: nn.Sequential) -> MuonWithAdamW:
    matrices = {"params": [p for p in model.parameters() if p.ndim == 2]}
    rest = {"params": [p for p in model.parameters() if p.ndim == 1], "lr": 0.01}
    return MuonWithAdamW([matrices | {"lr": 0.02, "weight_decay": 0.1}], [rest])


def gradients(model: nn.Sequential, step: int) -> None:
    torch.manual_seed(step)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)


def test_steps_are_those_of_muon_and_adamw():
    model, twin = net(), net()
    optimizer = joined(model)
    matrices = [p for p in twin.parameters() if p.ndim == 2]
    vectors = [p for p in twin.parameters() if p.ndim == 1]
    muon = torch.optim.Muon(matrices, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(vectors, lr=0.01, weight_decay=0.0)
    for step in range(5):
        gradients(model, step)
        gradients(twin, step)
        optimizer.step()
        muon.step()
        adamw.step()
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert not torch.equal(next(model.parameters()), next(net().parameters()))


def test_a_schedule_steps_both():
    model = net()
    optimizer = joined(model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    gradients(model, 0)
    optimizer.step()
    schedule.step()
    rates = [group["lr"] for part in optimizer.parts.values() for group in part.param_groups]
    assert rates == pytest.approx([0.005, 0.01])


def test_its_state_resumes():
    model = net()
    optimizer = joined(model)
    for step in range(3):
        gradients(model, step)
        optimizer.step()
    twin = copy.deepcopy(model)
    resumed = joined(twin)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    resumed.param_groups[0]["lr"] = optimizer.param_groups[0]["lr"] = 0.5
    for step in range(3, 6):
        for one, steps in ((model, optimizer), (twin, resumed)):
            gradients(one, step)
            steps.step()
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_each_weight_has_its_rate():
    config = load_config(None, ["training.learning_rate=0.5", "training.init_rate=0.1"])
    tagger = Tagger(config.model, config.graph)
    names = {id(weight): weight_name(name) for name, weight in tagger.named_parameters()}
    optimizer = make_optimizer(tagger, config.training, {"recurrent.layers.0.rnn.weight_hh_l0"})
    found = {
        names[id(weight)]: (kind, group["lr"], group["weight_decay"])
        for kind, part in optimizer.parts.items()
        for group in part.param_groups
        for weight in group["params"]
    }
    assert found.keys() == {weight_name(n) for n, p in tagger.named_parameters() if p.requires_grad}
    assert found["recurrent.layers.0.rnn.weight_hh_l0"] == ("muon", pytest.approx(0.1), 0.01)
    assert found["recurrent.layers.1.rnn.weight_hh_l0"] == ("muon", 1.0, 0.01)
    assert found["recurrent.layers.1.rnn.bias_hh_l0"] == ("adamw", 0.5, 0.0)
    assert found["encoder.embed.weight"] == ("adamw", 0.5, 0.01)
    assert found["crf.transition"] == ("adamw", 5.0, 0.0)
    alone = make_optimizer(tagger, config.training.model_copy(update={"optimizer": "adamw"}))
    assert type(alone) is torch.optim.AdamW


def test_learning_rate_warms_up_and_decays() -> None:
    training = load_config(None, fields={"training.warmup": 0.1}).training
    factor = learning_rate_factor(training, 100)
    assert [factor(step) for step in (0, 10, 55, 100)] == pytest.approx([0.1, 1.0, 0.505, 0.01])
