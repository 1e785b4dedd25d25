"""fingerprint_test.py: what makes a run another one, seen from outside, line by line of DESIGN.md's table.

A build's part in it (sources, flags) is tests/digest/build_test.py's.
"""
import json
import os
import shutil

from lab import BUILD, TINY, Lab, main, other_build

DENSE = os.path.join(BUILD, "lib", "attnlab", "plugins", "attention_dense.so")
EMULATED = os.path.join(BUILD, "lib", "libattnlab_cuda_emulated.so")
PRETENDED_DRIVER = os.path.join(BUILD, "lib", "pretended_gpu", "libattnlab_pretended_driver.so")


class Fingerprint(Lab):
    def plan(self, *words, code=0, **env):
        return self.attnlab("run", "--plan", "--json", *TINY, *words, code=code, **env)

    def of(self, *words, **env):
        cell, = json.loads(self.plan(*words, **env).stdout)
        return cell["fingerprint"]

    def changed(self, *words, **env):
        """The parts that --plan names, after a run of dense as it is."""
        cell, = json.loads(self.plan("attention=dense", *words, **env).stdout)
        return cell["why"].split(": ", 1)[1].split(", ") if cell["status"] == "run" else []

    def test_each_part_is_named_by_what_changes_it(self):
        self.attnlab("run", "attention=dense", *TINY)
        for part, words, env in (
                ("config", ["train.learning_rate=0.5"], {}),
                ("config", ["seed=7"], {}),
                ("config", ["threads=2"], {}),
                ("kernels", [], {"ATTNLAB_CPU": "baseline"}),
                ("kernels", [], {"ATTNLAB_CUDA_LIBRARY": EMULATED}),
                ("torch", [], {"ATEN_CPU_CAPABILITY": "default"}),
                ("torch", [], {"MKL_CBWR": "COMPATIBLE"}),
                ("torch", [], {"ONEDNN_MAX_CPU_ISA": "SSE41"}),
                ("torch", [], {"OMP_THREAD_LIMIT": "1"}),
        ):
            with self.subTest(words=words, env=env):
                changed = self.changed(*words, **env) if part != "config" else None
                if part == "config":  # another config has no relative, it is new
                    self.assertNotEqual(self.of("attention=dense", *words), self.of("attention=dense"))
                else:
                    self.assertEqual(changed, [part])

    def test_each_part_of_the_build_is_named_by_what_changes_it(self):
        self.attnlab("run", "attention=dense", *TINY)
        for part, field in (("engine", "source_digest"), ("torch", "torch"), ("compiler", "compiler"), ("compiler", "flags")):
            with self.subTest(field=field):
                self.assertEqual(self.changed(**other_build(field, "other")), [part])
        for field in ("cuda_digest", "nvcc"):
            self.assertEqual(self.changed(**other_build(field, "other")), [], "a run on a CPU has no CUDA kernels")

    def test_data_is_the_bytes_that_are_read_and_not_where_they_lie(self):
        text = "\n\n".join(f"document {i} " + "of words " * 20 for i in range(20))
        self.attnlab("run", "attention=dense", *TINY, *self.prepared(text, "a"))
        self.assertEqual(self.changed(*self.prepared(text, "b")), [])
        self.assertEqual(self.changed(*self.prepared(text.replace("document 7", "document 8"), "c")), ["data"])

    def test_what_changes_no_number_changes_nothing(self):
        plain = self.of("attention=dense")
        for words, env in (
                (["study=other"], {}), (["train.log_every=3"], {}), (["plugin_path="], {}),
                (["device=cpu"], {}), (["train.beta1=0.90"], {}),
                ([], {"OMP_WAIT_POLICY": "active"}), ([], {"ATTNLAB_CUDA_BACKWARD": "atomic"}),
                ([], {"CUBLAS_WORKSPACE_CONFIG": ":16:8"}), ([], {"CUDA_VISIBLE_DEVICES": "3"}), ([], {"LANG": "de_DE"}),
        ):
            with self.subTest(words=words, env=env):
                self.assertEqual(self.of("attention=dense", *words, **env), plain)

    def test_the_device_is_what_auto_means_here(self):
        automatic, cpu = self.of("attention=dense", "device=auto"), self.of("attention=dense", "device=cpu")
        if not os.path.exists(PRETENDED_DRIVER):
            self.skipTest("no pretended driver was built")
        gpu = {"LD_PRELOAD": PRETENDED_DRIVER}
        self.assertEqual(automatic, cpu)
        self.assertEqual(self.of("attention=dense", "device=auto", **gpu), self.of("attention=dense", "device=cuda", **gpu))
        self.assertNotEqual(self.of("attention=dense", "device=auto", **gpu), automatic)
        self.assertEqual(self.of("attention=dense", "device=cpu", **gpu), cpu)
        text = self.attnlab("run", "--cfg", "attention=dense", "device=auto", *TINY, **gpu).stdout
        self.assertRegex(text, r"(?m)^device: cuda$")

    def test_on_a_gpu_its_kernels_and_their_variant_count(self):
        if not os.path.exists(PRETENDED_DRIVER):
            self.skipTest("no pretended driver was built")
        seen = [self.of("attention=dense", "device=cuda", LD_PRELOAD=PRETENDED_DRIVER, **env)
                for env in ({}, {"ATTNLAB_CUDA_BACKWARD": "atomic"}, {"ATTNLAB_CUDA_LIBRARY": EMULATED},
                            {"ATTNLAB_CUDA_KERNELS": "wgmma"}, {"ATTNLAB_CUDA_TILES": "small"},
                            {"ATTNLAB_CUDA_TILES": "large"},
                            {"NVIDIA_TF32_OVERRIDE": "0"}, {"CUBLAS_WORKSPACE_CONFIG": ":16:8"},
                            {"ATTNLAB_CPU": "baseline"})]
        for field in ("cuda_digest", "nvcc"):
            other = other_build(field, "other")
            other["LD_PRELOAD"] += ":" + PRETENDED_DRIVER
            seen.append(self.of("attention=dense", "device=cuda", **other))
        self.assertEqual(len(set(seen)), len(seen))
        self.assertEqual(seen[0], self.of("attention=dense", "device=cuda", LD_PRELOAD=PRETENDED_DRIVER,
                                          ATTNLAB_CUDA_BACKWARD="deterministic", ATTNLAB_CUDA_KERNELS="mma.sync"))

    def test_the_environment_that_cannot_be_followed_is_refused_before_anything_runs(self):
        for env, text in (({"ATTNLAB_CPU": "sse9"}, "ATTNLAB_CPU=sse9: expected one of"),
                          ({"ATTNLAB_CUDA_LIBRARY": "/none.so"}, "/none.so")):
            self.assertIn(text, self.plan("attention=dense", code=1, **env).stderr)

    def test_a_library_that_no_build_stamped_counts_by_its_bytes(self):
        with open(DENSE, "rb") as file:
            data = file.read()
        plugins = json.loads(self.attnlab("plugins", "--json", "--plugin", DENSE, db=False).stdout)
        digest = next(p["source_digest"] for p in plugins if p["file"] == DENSE).encode()
        data = data.replace(b"dense\0", b"mine\0\0")  # a name that is not taken
        unstamped = data.replace(digest, b"not stamped:".ljust(64, b"_"))
        path = os.path.join(self.folder, "attention_mine.so")
        seen = []
        for content in (data, data + b"x", unstamped, unstamped + b"x"):  # as if the code differed
            with open(path, "wb") as file:
                file.write(content)
            seen.append(self.of("--plugin", path, "attention=mine"))
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(len(set(seen)), 3)

    def test_a_copy_elsewhere_is_the_same_plugin(self):
        copy = shutil.copy(DENSE, self.folder)
        self.assertEqual(self.of("--plugin", copy, "attention=dense"), self.of("attention=dense"))


if __name__ == "__main__":
    main()
