"""page_test.py: `attnlab report` opened in a real browser: read, sorted, filtered, hovered, zoomed, printed.

Any word on the browser's console fails it. ATTNLAB_SHOTS=FOLDER keeps pictures at two widths, light and dark.
"""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import browser  # noqa: E402
import simulated_store as store  # noqa: E402

ATTNLAB = os.path.join(os.environ["ATTNLAB_BUILD"], "bin", "attnlab")
EVIL = "<script>alert(1)</script>'\"><img src=x onerror=alert(2)>"
LOG = "step 12\n\x1b[31mred\x1b[0m \u202e </pre><script>alert(3)</script> <!-- \nout of memory\n"


def make_store(folder):
    """A study of five variants and five seeds, with curves of 1,000 points; one run failed with a hostile log."""
    db = store.fill(os.path.join(folder, "runs.db"), study=EVIL)

    def log(fingerprint):
        run = os.path.join(folder, fingerprint[:12] + "-1")
        os.mkdir(run)
        with open(os.path.join(run, "log.txt"), "w", encoding="utf-8") as file:
            file.write(LOG)
        return os.path.join(run, "log.txt")
    store.add_run(db, EVIL, {"name": "dense"}, 9, "failed", f"died {EVIL}", log)
    # A store of somebody else must not make the page show other files.
    store.add_run(db, EVIL, {"name": "dense"}, 10, "failed", "elsewhere", lambda _: "/etc/passwd")
    db.commit()
    db.close()


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        make_store(cls.folder.name)
        cls.file = os.path.join(cls.folder.name, "page.html")
        subprocess.run([ATTNLAB, "report", "--db", os.path.join(cls.folder.name, "runs.db"), "--out", cls.file],
                       check=True, capture_output=True, timeout=60)
        cls.page = browser.Browser(browser.find())
        cls.page.open("file://" + cls.file)

    @classmethod
    def tearDownClass(cls):
        cls.page.close()
        cls.folder.cleanup()

    def setUp(self):
        self.page.problems.clear()

    def tearDown(self):
        self.assertEqual(self.page.problems, [])

    def js(self, expression):
        return self.page.value(expression)

    def test_a_names_and_logs_are_text_and_nothing_is_loaded(self):
        page = browser.Browser(browser.find())
        self.addCleanup(page.close)
        page.open("file://" + self.file)
        self.assertEqual(page.value("document.querySelector('h1').textContent"), EVIL)
        self.assertEqual(page.value("document.title"), EVIL)
        self.assertEqual(page.value("document.querySelectorAll('img').length"), 0)
        self.assertEqual(page.value("document.scripts.length"), 2)
        logs = page.value("[...document.querySelectorAll('#failed pre')].map((e) => e.textContent).join()")
        self.assertIn("\\u001b[31mred\\u001b[0m \\u202e </pre><script>alert(3)</script>", logs)
        self.assertNotIn("root:", page.value("document.body.textContent"))
        self.assertEqual([url for url in page.requests if not url.startswith(("file://" + self.file, "data:"))], [])
        self.assertEqual(page.problems, [])

    def test_tables_sort_by_exact_numbers_both_ways(self):
        column = "[...document.querySelectorAll('#runs table')[0].tHead.rows[0].cells].findIndex((c) => c.textContent.startsWith('bits'))"
        cells = f"[...document.querySelectorAll('#runs table')[0].tBodies[0].rows].map((r) => r.cells[{column}].dataset.v).filter(Boolean).map(Number)"
        button = f"#runs th:nth-child({self.js(column) + 1}) button"
        before = self.js(cells)
        self.assertEqual(len(before), 25)
        self.page.click(button)
        self.assertEqual(self.js(cells), sorted(before))
        self.page.click(button)
        self.assertEqual(self.js(cells), sorted(before, reverse=True))
        self.assertEqual(self.js("document.querySelector('#runs th[aria-sort]').getAttribute('aria-sort')"), "descending")

    def test_a_filter_keeps_the_rows_that_have_the_words(self):
        self.page.type("#runs input", "hash_sparse !failed")
        rows = "[...document.querySelectorAll('#runs table')[0].tBodies[0].rows].filter((r) => !r.hidden).map((r) => r.textContent)"
        shown = self.js(rows)
        self.assertEqual(len(shown), 15)
        self.assertTrue(all("hash_sparse" in row for row in shown))
        self.assertIn("15 of 27", self.page.texts("#runs .filter")[0])

    def test_hovering_tells_the_values(self):
        x, y = self.page.middle("#curves-figure svg", 0.5, 0.5)
        self.page.mouse("mouseMoved", x, y)
        self.assertFalse(self.js("document.querySelector('#curves-figure .tip').hidden"))
        rows = self.page.texts("#curves-figure .tip tr")
        self.assertEqual(len(rows), 1 + 5)
        self.assertTrue(any(row.startswith("dense") for row in rows), rows)
        self.page.mouse("mouseMoved", 5, 5)
        self.assertTrue(self.js("document.querySelector('#curves-figure .tip').hidden"))

    def test_a_dragged_range_is_shown_large_and_given_back(self):
        ticks = "[...document.querySelectorAll('#curves-figure .axes text[text-anchor=middle]:not(.label)')].map((t) => t.textContent)"
        whole = self.js(ticks)
        self.page.drag("#curves-figure svg", (0.3, 0.5), (0.5, 0.5))
        part = self.js(ticks)
        self.assertNotEqual(whole, part)
        self.assertLess(max(map(float, part)), max(map(float, whole)))
        self.page.click("#curves-figure svg", times=2)
        self.assertEqual(self.js(ticks), whole)

    def test_the_legend_hides_and_shows(self):
        lines = "document.querySelectorAll('#curves-figure .frame .line').length"
        self.assertEqual(self.js(lines), 5)
        self.page.click("#curves-figure .legend li:nth-child(2) button")
        self.assertEqual(self.js(lines), 4)
        self.page.click("#curves-figure .legend li:nth-child(2) button")
        self.assertEqual(self.js(lines), 5)

    def test_curves_over_every_axis_and_metric(self):
        for axis, label in (("seconds", "training seconds"), ("tokens", "training tokens"), ("flops", "training FLOP"), ("step", "optimiser step")):
            self.js("(() => { const s = document.querySelectorAll('#curves-figure select')[1]; "
                    f"s.value = '{axis}'; s.dispatchEvent(new Event('change')); }})()")
            self.assertIn(label, self.page.texts("#curves-figure svg .label"))
            self.assertEqual(self.js("document.querySelectorAll('#curves-figure .frame .line').length"), 5, axis)
            self.assertNotIn("NaN", self.js("document.querySelector('#curves-figure svg').outerHTML"))
        self.assertEqual(self.page.texts("#curves-figure select:first-of-type option")[:2], ["val/bits_per_char", "train/loss"])

    def test_thousands_of_points_are_drawn_in_a_moment(self):
        milliseconds = self.js("""(() => {
          const host = document.createElement('div');
          host.id = 'many';
          document.body.append(host);
          const plot = new Plot(host), x = [...Array(10000).keys()];
          const lines = [...Array(10).keys()].map((n) => ({ name: `${n}`, colour: 'red', dash: 'none', x,
            y: x.map((v) => Math.sin(v / 300) + n), low: x.map((v) => Math.sin(v / 300) + n - 0.2), high: x.map((v) => Math.sin(v / 300) + n + 0.2) }));
          plot.set(lines, { x: 'x', y: 'y' });
          const begin = performance.now();
          for (let i = 0; i < 10; ++i) { plot.draw(); plot.hover(200 + i, 100); }
          const took = (performance.now() - begin) / 10;
          host.remove();
          return took;
        })()""")
        print(f"10 curves of 10,000 points: {milliseconds:.1f} ms to draw and hover")
        self.assertLess(milliseconds, 500)  # a tenth of it on an idle machine

    def test_dark_pages_are_dark_and_paper_is_light(self):
        background = "getComputedStyle(document.body).backgroundColor"
        self.page.media(scheme="dark")
        self.assertEqual(self.js(background), "rgb(20, 23, 26)")
        self.page.click("#theme")
        self.assertEqual(self.js(background), "rgb(255, 255, 255)")
        self.page.click("#theme")
        self.page.media(media="print", scheme="dark")
        self.assertEqual(self.js(background), "rgb(255, 255, 255)")
        self.assertEqual(self.js("getComputedStyle(document.querySelector('nav')).display"), "none")
        self.page.media()

    def test_the_comparison_and_its_fairness_are_there(self):
        self.assertIn("dense", self.page.texts("#comparison h3")[0])
        verdicts = self.js("[...document.querySelectorAll('#comparison .worse')].length")
        self.assertGreater(verdicts, 1)
        self.assertIn("operations a token", self.page.texts("#comparison td"))
        self.assertIn("attention=hash_sparse hash_sparse.buckets=2,3,4 seed=0,1,2,3,4\n", self.page.texts("#commands pre")[0])

    def test_narrow_pages_do_not_scroll_sideways(self):
        for width in (1280, 400):
            self.page.resize(width, 900)
            self.assertLessEqual(self.js("document.documentElement.scrollWidth"), width)
            for scheme in ("light", "dark"):
                self.page.media(scheme=scheme)
                if shots := os.environ.get("ATTNLAB_SHOTS"):
                    self.page.screenshot(os.path.join(shots, f"page-{width}-{scheme}.png"))
        self.page.media()
        self.page.resize(1280, 900)


if __name__ == "__main__":
    browser.main()
