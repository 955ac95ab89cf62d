"""PyTorch's operators, called as the file says: a second implementation with other kernels."""

from typing import Any

from qa_assets.edge.target import TARGETS, EdgeTarget


class TorchOperators:
    """The graph of the file, each node one call of PyTorch."""

    def __init__(self, model: str, options: dict[str, Any]) -> None:
        import onnx
        import torch
        from onnx import helper, numpy_helper

        torch.set_num_threads(int(options.get("threads", 1)))
        graph = onnx.load(model).graph
        self.version = f"torch {torch.__version__}"
        self._torch = torch
        self._constants: dict[str, Any] = {
            t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer
        }
        self._nodes = [
            (n, {a.name: helper.get_attribute_value(a) for a in n.attribute}) for n in graph.node
        ]
        unknown = {
            n.op_type for n, _ in self._nodes if not hasattr(self, f"_on_{n.op_type.lower()}")
        }
        if unknown:
            raise NotImplementedError(f"operators {', '.join(sorted(unknown))} are not known here")
        names = [port.name for port in graph.output]
        self._input = graph.input[0].name
        self._output = "logits" if "logits" in names else names[0]

    def infer(self, pixels: Any) -> Any:
        """See ``Session``."""
        values = {self._input: self._torch.from_numpy(pixels.copy()), **self._constants}
        with self._torch.no_grad():
            for node, attributes in self._nodes:
                inputs = [values[name] if name else None for name in node.input]
                run = getattr(self, f"_on_{node.op_type.lower()}")
                values[node.output[0]] = run(attributes, *inputs)
                if node.output[0] == self._output:
                    break
        return values[self._output].numpy()

    def _on_cast(self, a: Any, x: Any) -> Any:
        kinds = {1: "float32", 2: "uint8", 6: "int32", 7: "int64", 10: "float16", 11: "float64"}
        return x.to(getattr(self._torch, kinds[a["to"]]))

    def _on_constant(self, a: Any) -> Any:
        from onnx import numpy_helper

        return self._torch.from_numpy(numpy_helper.to_array(a["value"]).copy())

    def _on_add(self, a: Any, x: Any, y: Any) -> Any:
        return x + y

    def _on_sub(self, a: Any, x: Any, y: Any) -> Any:
        return x - y

    def _on_mul(self, a: Any, x: Any, y: Any) -> Any:
        return x * y

    def _on_div(self, a: Any, x: Any, y: Any) -> Any:
        return x / y

    def _on_relu(self, a: Any, x: Any) -> Any:
        return x.clamp(min=0)

    def _on_tanh(self, a: Any, x: Any) -> Any:
        return x.tanh()

    def _on_sigmoid(self, a: Any, x: Any) -> Any:
        return x.sigmoid()

    def _on_identity(self, a: Any, x: Any) -> Any:
        return x

    def _on_transpose(self, a: Any, x: Any) -> Any:
        return x.permute(*a["perm"])

    def _on_flatten(self, a: Any, x: Any) -> Any:
        axis = a.get("axis", 1)
        return x.reshape(int(self._torch.tensor(x.shape[:axis]).prod()), -1)

    def _on_reshape(self, a: Any, x: Any, shape: Any) -> Any:
        keep = [x.shape[i] if n == 0 else n for i, n in enumerate(shape.tolist())]
        return x.reshape(keep)

    def _on_concat(self, a: Any, *inputs: Any) -> Any:
        return self._torch.cat(inputs, dim=a["axis"])

    def _on_reducemean(self, a: Any, x: Any, axes: Any = None) -> Any:
        over = axes.tolist() if axes is not None else a.get("axes")
        return x.mean(dim=over, keepdim=bool(a.get("keepdims", 1)))

    def _on_globalaveragepool(self, a: Any, x: Any) -> Any:
        return x.mean(dim=(2, 3), keepdim=True)

    def _on_matmul(self, a: Any, x: Any, y: Any) -> Any:
        return x @ y

    def _on_gemm(self, a: Any, x: Any, y: Any, bias: Any = None) -> Any:
        left, right = x.T if a.get("transA") else x, y.T if a.get("transB") else y
        product = a.get("alpha", 1.0) * (left @ right)
        return product if bias is None else product + a.get("beta", 1.0) * bias

    def _on_softmax(self, a: Any, x: Any) -> Any:
        return x.softmax(dim=a.get("axis", -1))

    def _on_batchnormalization(self, a: Any, x: Any, w: Any, b: Any, mean: Any, var: Any) -> Any:
        call = self._torch.nn.functional.batch_norm
        return call(x, mean, var, w, b, eps=a.get("epsilon", 1e-5))

    def _on_conv(self, a: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        call = self._torch.nn.functional.conv2d
        strides, dilations = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
        x = self._padded(a, x, 0.0)
        return call(x, weight, bias, strides, 0, dilations, a.get("group", 1))

    def _on_maxpool(self, a: Any, x: Any) -> Any:
        call = self._torch.nn.functional.max_pool2d
        x = self._padded(a, x, float("-inf"))
        strides = a.get("strides", [1, 1])
        return call(x, a["kernel_shape"], strides, ceil_mode=bool(a.get("ceil_mode", 0)))

    def _on_averagepool(self, a: Any, x: Any) -> Any:
        if any(a.get("pads", [])):
            raise NotImplementedError("AveragePool with padding is not known here")
        call = self._torch.nn.functional.avg_pool2d
        return call(x, a["kernel_shape"], a.get("strides", [1, 1]))

    def _padded(self, a: Any, x: Any, value: float) -> Any:
        if a.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
            raise NotImplementedError(f"auto_pad {a['auto_pad']!r} is not known here")
        top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
        return self._torch.nn.functional.pad(x, (left, right, top, bottom), value=value)


TARGETS.add("torch", EdgeTarget(open=TorchOperators))
