"""transforms.py: torch.func over the variants of operators.py: what works, and what is refused."""
import torch


class Transforms:
    """Of a test case with `variants`, name -> (attend, pairs), and `inputs`."""

    def test_torch_func_differentiates_once_and_refuses_the_rest_by_name(self):
        for name, (attend, _) in self.variants.items():
            with self.subTest(name):
                eager = self.inputs()
                attend(*eager).square().sum().backward()
                plain = self.inputs(requires_grad=False)
                loss = lambda *x: attend(*x).square().sum()
                for x, grad in zip(eager, torch.func.grad(loss, argnums=(0, 1, 2))(*plain)):
                    self.assertTrue(torch.equal(x.grad, grad))
                out, pullback = torch.func.vjp(attend, *plain)
                self.assertTrue(torch.equal(pullback(2 * out)[2], eager[2].grad))
                with self.assertRaisesRegex(RuntimeError, "forward-mode derivatives are not supported"):
                    torch.func.jvp(attend, tuple(plain), tuple(plain))
                with self.assertRaisesRegex(RuntimeError, "derivative for attnlab::.*_backward is not implemented"):
                    torch.func.grad(lambda x: torch.func.grad(loss)(x, *plain[1:]).sum())(plain[0])

    def test_vmap_goes_slice_by_slice_and_not_through_gradients(self):
        torch._C._functorch._set_vmap_fallback_warning_enabled(False)
        for name, (attend, _) in self.variants.items():
            with self.subTest(name):
                sets = self.inputs(), self.inputs(seed=5)
                both = [torch.stack(pair).detach().requires_grad_() for pair in zip(*sets)]
                out = torch.func.vmap(attend)(*both)
                out.square().sum().backward()
                for i, each in enumerate(sets):
                    alone = attend(*each)
                    alone.square().sum().backward()
                    self.assertTrue(torch.equal(out[i], alone))
                    for x, whole in zip(each, both):
                        self.assertTrue(torch.equal(x.grad, whole.grad[i]))
                plain = self.inputs(requires_grad=False)
                loss = lambda *x: attend(*x).square().sum()
                with self.assertRaises(RuntimeError):
                    torch.func.vmap(torch.func.grad(loss))(*[x.detach() for x in both])
                with self.assertRaises(RuntimeError):
                    torch.func.jacrev(attend)(*plain)
