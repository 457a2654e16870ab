"""Fuzzing of spaces: what `verify` accepts `project` accepts, and the reverse, whoever wrote the files.

Each try changes a copy of the packaged space as a hostile author could, with every sha256 made right again, or a bundle
of it. Then ``smile-zoo verify`` and a projection of 20 cells must both accept it or both refuse it with an error of
smile-zoo, within a minute, and whatever is accepted gives results in their ranges.

    python benchmarks/fuzz/spaces.py -n 200 --seed 0
"""

import argparse
import hashlib
import json
import logging
import multiprocessing
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import onnx
import pandas as pd
from click.testing import CliRunner
from safetensors.numpy import load, save

from smile_runtime import QueryError, SmileError, project
from smile_runtime.manifest import CARD_NAME, MANIFEST_NAME
from smile_zoo import load as load_space
from smile_zoo.cli.main import cli
from smile_zoo.transfer.bundle import pack, unpack

PBMC = Path(__file__).parents[2] / "zoo/smile_zoo/spaces/pbmc"
MAX_SECONDS = 60
N_CELLS = 20
Edit = Callable[[Path, np.random.Generator], str]
ODD_VALUES = (0, -1, 1, 2, 0.5, 1e12, 10**30, 1e300, "", "\x1b[31m", "a\nb", "../x.json", "unknown", None, True, [], {})
ODD_FLOATS = (np.nan, np.inf, -np.inf, 0.0, -1.0, 2.0, 1e30, 1e-30)


def pick(rng: np.random.Generator, options: Sequence[Any]) -> Any:
    """Choose one of several options."""
    return options[rng.integers(len(options))]


def flip_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Change up to four bytes."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
    return bytes(changed)


def cut_or_grow(content: bytes, rng: np.random.Generator) -> bytes:
    """Drop a part, repeat a part, or append zeros."""
    start, stop = sorted(rng.integers(len(content), size=2))
    part = content[start:stop]
    return pick(rng, [content[:start] + content[stop:], content[:stop] + part + content[stop:], content + bytes(8)])


def edit_bytes(space: Path, rng: np.random.Generator) -> str:
    """Damage the bytes of any file."""
    files = [path for path in space.rglob("*") if path.is_file() and path.name != CARD_NAME]
    file, change = pick(rng, sorted(files)), pick(rng, [flip_bytes, flip_bytes, cut_or_grow])
    file.write_bytes(change(file.read_bytes(), rng))
    return f"{change.__name__} {file.relative_to(space)}"


def edit_manifest(space: Path, rng: np.random.Generator) -> str:
    """Replace or remove a value in the manifest, outside of the list of files and the recipe."""
    document = json.loads((space / MANIFEST_NAME).read_text("utf-8"))
    steps: list[object] = []
    node = document
    while isinstance(node, dict | list) and node and (not steps or rng.random() < 0.9):
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        keys = [key for key in keys if key not in ("recipe", "files", "format", "format_version")]
        steps.append(pick(rng, keys))
        parent, node = node, node[steps[-1]]
    value = pick(rng, ODD_VALUES)
    if isinstance(node, int | float) and rng.random() < 0.5:
        value = node * pick(rng, (-1, 0.5, 1.5, 1000))
    elif isinstance(node, list) and rng.random() < 0.5:
        value = pick(rng, (node[::-1], node + node, node[:-1]))
    parent[steps[-1]] = value
    (space / MANIFEST_NAME).write_text(json.dumps(document), "utf-8")
    return f"manifest {'.'.join(map(str, steps))} = {value!r:.60}"


def edit_tensor(space: Path, rng: np.random.Generator) -> str:
    """Change an array of the reference, the first layer or the parity rows."""
    file = pick(rng, sorted(space.glob("[!t]*/*.safetensors")))
    arrays = load(file.read_bytes())
    name = pick(rng, sorted(arrays))
    array = arrays[name].copy()
    changes = {
        "shuffled": lambda: rng.permutation(array),
        "shorter": lambda: array[:-1],
        "none": lambda: array[:0],
        "doubled": lambda: np.concatenate([array, array]),
        "transposed": lambda: array.T,
        "flat": lambda: array.ravel(),
        "float64": lambda: array.astype(np.float64),
        "int32": lambda: np.nan_to_num(array).astype(np.int32),
        "scaled": lambda: (array * 1.5).astype(array.dtype),
        "random": lambda: rng.standard_normal(array.shape).astype(array.dtype),
        "one odd": lambda: _with_odd(array, rng),
    }
    change = pick(rng, sorted(changes))
    arrays[name] = np.ascontiguousarray(changes[change]())
    file.write_bytes(save(arrays))
    return f"{file.relative_to(space)} {name} {change}"


def _with_odd(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    value = pick(rng, ODD_FLOATS) if array.dtype.kind == "f" else pick(rng, (-1, 1, 2**40, -(2**62)))
    array.reshape(-1)[rng.integers(array.size)] = value
    return array


def edit_table(space: Path, rng: np.random.Generator) -> str:
    """Change a field of the feature table, or repeat a line."""
    file = space / "features/rna.tsv"
    rows = [line.split("\t") for line in file.read_text("utf-8").splitlines()]
    row, column = rng.integers(len(rows)), rng.integers(len(rows[0]))
    odd = ("", "nan", "inf", "-1", "1e308", "1e30", "0", "x", "\x1b[1m", "\t", rows[1][0], "1_0", "9" * 400)
    value = pick(rng, odd)
    rows[row][column] = value
    if rng.random() < 0.2:
        rows.insert(row, rows[-1])
    file.write_text("\n".join(map("\t".join, rows)) + "\n", "utf-8")
    return f"features {row}, {column} = {value!r:.20}"


def edit_graph(space: Path, rng: np.random.Generator) -> str:
    """Change a graph, as by hand."""
    file = pick(rng, sorted(space.glob("onnx/*.onnx")))
    model = onnx.load(file)
    graph = model.graph
    node, tensor = pick(rng, list(graph.node)), pick(rng, list(graph.initializer))

    def operator(name: str, domain: str = "", inputs: tuple[str, ...] = ()) -> None:
        node.op_type, node.domain = name, domain
        if inputs:
            node.input[:] = inputs

    changes = {
        "opset": lambda: setattr(model.opset_import[0], "version", int(pick(rng, (1, 9, 13, 21, 99, 2**40)))),
        "domain": lambda: setattr(model.opset_import[0], "domain", "evil"),
        "ir": lambda: setattr(model, "ir_version", int(pick(rng, (1, 3, 99)))),
        "loop": lambda: _insert_loop(graph),
        "expand": lambda: _insert_bomb(graph, "Expand"),
        "zeros": lambda: _insert_bomb(graph, "ConstantOfShape"),
        "outer": lambda: _insert_outer_product(graph),
        "custom": lambda: operator("Anything", "evil"),
        "random": lambda: operator("RandomNormalLike"),
        "operator": lambda: operator(pick(rng, ("Add", "Relu", "Neg", "Gemm", "Softmax", "Expand", "If", "Transpose"))),
        "rename": lambda: setattr(graph.output[0], "name", "other"),
        "width": lambda: setattr(graph.output[0].type.tensor_type.shape.dim[1], "dim_value", 64),
        "rows": lambda: setattr(graph.input[0].type.tensor_type.shape.dim[0], "dim_value", 16),
        "type": lambda: setattr(graph.input[0].type.tensor_type, "elem_type", 11),
        "drop": lambda: graph.node.remove(node),
        "dims": lambda: tensor.dims.append(10**12),
        "nan": lambda: tensor.CopyFrom(onnx.numpy_helper.from_array(_array(tensor) * np.nan, tensor.name)),
        "scale": lambda: tensor.CopyFrom(onnx.numpy_helper.from_array(_array(tensor) * 2, tensor.name)),
        "external": lambda: _make_external(tensor),
        "attribute": lambda: node.attribute.append(onnx.helper.make_attribute("axis", 10**12)),
        "function": lambda: model.functions.add(name="Relu", domain=""),
    }
    change = pick(rng, sorted(changes))
    changes[change]()
    file.write_bytes(model.SerializeToString())
    return f"{file.name} {change} {node.op_type} {tensor.name}"


def _array(tensor: onnx.TensorProto) -> np.ndarray:
    return onnx.numpy_helper.to_array(tensor).astype(np.float32)


def _make_external(tensor: onnx.TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")


def _insert_loop(graph: onnx.GraphProto) -> None:
    """Compute the first output by a loop of a million million steps."""
    value = [onnx.helper.make_tensor_value_info(name, 9, []) for name in ("go_in", "go")]
    step = onnx.helper.make_tensor_value_info("step", 7, [])
    body = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["go_in"], ["go"])], "body", [step, value[0]], [value[1]]
    )
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(10**12), "steps"))
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "yes"))
    graph.node.append(onnx.helper.make_node("Loop", ["steps", "yes"], [], body=body))


def _insert_bomb(graph: onnx.GraphProto, operator: str) -> None:
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([10**6, 10**6]), "huge"))
    inputs = [graph.input[0].name, "huge"] if operator == "Expand" else ["huge"]
    _add_to_embedding(graph, onnx.helper.make_node(operator, inputs, ["bomb"]))


def _insert_outer_product(graph: onnx.GraphProto) -> None:
    for name, shape in (("column", (10**5, 1)), ("row", (1, 10**5))):
        graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(shape, np.float32), name))
    _add_to_embedding(graph, onnx.helper.make_node("Mul", ["column", "row"], ["bomb"]))


def _add_to_embedding(graph: onnx.GraphProto, bomb: onnx.NodeProto) -> None:
    """Add the sum of a node's output to the embedding."""
    for node in graph.node:
        node.output[:] = ["plain" if name == "embedding" else name for name in node.output]
    total = onnx.helper.make_node("ReduceSum", ["bomb"], ["total"], keepdims=0)
    graph.node.extend([bomb, total, onnx.helper.make_node("Add", ["plain", "total"], ["embedding"])])


EDITS: tuple[Edit, ...] = (edit_bytes, edit_bytes, edit_manifest, edit_manifest, edit_tensor, edit_table, edit_graph)


def pin_again(space: Path) -> None:
    """Make every size and sha256 in the manifest right again, if it can still be read."""
    try:
        document = json.loads((space / MANIFEST_NAME).read_bytes())
        for name, record in document["files"].items():
            if (space / name).is_file():
                content = (space / name).read_bytes()
                record.update(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    except (ValueError, TypeError, KeyError, AttributeError, OSError):
        return
    (space / MANIFEST_NAME).write_text(json.dumps(document), "utf-8")


def make_space(folder: Path, rng: np.random.Generator) -> str:
    """Write a changed space to ``folder/space``; return what was changed."""
    shutil.copytree(PBMC, folder / "space")
    told = pick(rng, EDITS)(folder / "space", rng)
    pin_again(folder / "space")
    return told


def make_bundle(folder: Path, rng: np.random.Generator) -> str:
    """Write the changed bundle of a good space, or the bundle of a changed one, to ``folder/space.tar``."""
    pack(PBMC, folder / "space.tar")
    change = pick(rng, [flip_bytes, cut_or_grow])
    content = (folder / "space.tar").read_bytes()
    header = bytearray(content[:40_000])
    changed = change(bytes(header), rng) + content[40_000:] if rng.random() < 0.7 else change(content, rng)
    (folder / "space.tar").write_bytes(changed)
    return f"bundle {change.__name__}"


def query(rng: np.random.Generator) -> anndata.AnnData:
    """Simulate cells with the genes of the space."""
    names = [line.split("\t")[0] for line in (PBMC / "features/rna.tsv").read_text("utf-8").splitlines()[1:]]
    X = rng.poisson(0.5, (N_CELLS, len(names))).astype(np.float32)
    return anndata.AnnData(X, var=pd.DataFrame(index=names))


def is_accepted_by_verify(space: Path) -> bool:
    """Return whether the command accepts a space; raise if it does anything but refuse it in a line."""
    result = CliRunner().invoke(cli, ["verify", str(space)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code not in (0, 1) or "\x1b" in result.output:
        raise AssertionError(f"verify exits {result.exit_code}: {result.output}")
    return result.exit_code == 0


def is_accepted_by_project(space: Path, cells: anndata.AnnData) -> bool:
    """Return whether cells are projected, to results in their ranges."""
    try:
        project(cells, load_space(space))
    except QueryError:
        return True  # the space is usable, but not for these cells
    except SmileError as error:
        if "\n" in str(error):
            raise AssertionError(f"the error has several lines: {error}") from error
        return False
    norms = np.linalg.norm(cells.obsm["X_smile"], axis=1)
    assert np.all((np.abs(norms - 1) < 1e-3) | (norms == 0)), norms
    assert np.isfinite(cells.obsm["X_smile_map"]).all()
    for name in cells.obs:
        if "confidence" in name or "similarity" in name:
            assert cells.obs[name].between(0, 1).all(), cells.obs[name]
    return True


def try_once(seed: tuple[int, int]) -> tuple[str, bool, str]:
    """Make one change; return what it was, whether the space is accepted, and what is wrong with that."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        is_bundle = rng.random() < 0.15
        told = (make_bundle if is_bundle else make_space)(folder, rng)
        try:
            if is_bundle:
                try:
                    unpack(folder / "space.tar", local_dir=folder / "space")
                except SmileError:
                    return told, False, ""
            verified = is_accepted_by_verify(folder / "space")
            projected = is_accepted_by_project(folder / "space", query(rng))
        except Exception:  # noqa: BLE001 (whatever goes wrong is a finding)
            return told, False, traceback.format_exc()
        return told, projected, "" if verified == projected else f"verify: {verified}, project: {projected}"


def work(connection: Connection) -> None:
    """Try the seeds that arrive, and send what happened."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    while (seed := connection.recv()) is not None:
        connection.send(try_once(seed))


def main(n: int, seed: int) -> int:
    """Make ``n`` tries; print and count the failures, crashes and hangs among them."""
    context, counts, failures = multiprocessing.get_context("spawn"), Counter[str](), 0
    worker, connection = None, None
    start = time.monotonic()
    for each in range(n):
        if worker is None or connection is None:
            connection, other = context.Pipe()
            worker = context.Process(target=work, args=(other,), daemon=True)
            worker.start()
            other.close()
        connection.send((seed, each))
        told, accepted, problem = "?", False, f"hangs for {MAX_SECONDS} s"
        try:
            if connection.poll(2 * MAX_SECONDS if counts.total() == 0 else MAX_SECONDS):  # the first one imports
                told, accepted, problem = connection.recv()
        except EOFError:
            problem = "crashes"
        if problem:
            failures += 1
            print(f"seed {seed}, try {each}: {told}: {problem}", flush=True)
        if told == "?":
            worker.kill()
            worker = None
        counts["accepted" if accepted else "refused"] += 1
    if worker is not None and connection is not None:
        connection.send(None)
        worker.join()
    print(f"spaces: {n} tries in {time.monotonic() - start:.0f} s, {dict(counts)}, {failures} failures")
    return failures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fuzz spaces and bundles.")
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.exit(1 if main(arguments.n, arguments.seed) else 0)
