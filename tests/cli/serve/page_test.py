"""page_test.py: the live page in a real browser: curves that grow, filters, chosen runs, no word on its console.

ATTNLAB_SHOTS=FOLDER keeps pictures.
"""
import os
import time

from serving import Serving
import browser

STUDY = "live <b>study</b>"


class Page(Serving):
    def setUp(self):
        self.make_store(study=STUDY, variants=4, seeds=2, logged=100, validated=10)
        self.run_goes_on(8)  # `none`, seed 1
        self.serve()
        self.page = browser.Browser(browser.find())
        self.addCleanup(self.page.close)

    def js(self, expression):
        return self.page.value(expression)

    def wait_until(self, expression, seconds=30):
        limit = time.monotonic() + seconds
        while not self.js(expression):
            self.assertLess(time.monotonic(), limit, f"{expression} did not come true; problems: {self.page.problems}")
            time.sleep(0.1)

    def open_study(self):
        self.page.open(self.address + "/")
        self.assertEqual(self.page.texts("#studies tbody a"), [STUDY])
        self.page.click("#studies tbody a")
        self.wait_until("location.pathname === '/study' && document.readyState === 'complete' && typeof ask === 'function'")
        self.js("document.documentElement.dataset.loaded = 'once'")  # a reload would lose it

    def shot(self, name):
        if shots := os.environ.get("ATTNLAB_SHOTS"):
            self.page.screenshot(os.path.join(shots, name))

    def assert_quiet(self):
        self.assertEqual(self.js("document.documentElement.dataset.loaded"), "once")
        self.assertEqual(self.page.problems, [])
        own = (self.address + "/", "data:")
        self.assertEqual([url for url in self.page.requests if not url.startswith(own)], [])

    def choose_metric(self, key):
        self.js("(() => { const s = document.querySelectorAll('#curves-figure select')[0]; "
                f"s.value = '{key}'; s.dispatchEvent(new Event('change')); }})()")

    def test_a_curve_grows_and_what_the_reader_did_stays(self):
        self.open_study()
        self.assertEqual(self.page.texts("h1"), [STUDY])
        self.assertIn("1,000 / 1,000", self.page.texts("#running td"))
        self.choose_metric("train/loss")
        path = "document.querySelectorAll('#curves-figure .line')[4].getAttribute('d')"
        points = "data.curves.find((c) => c.key === 'train/loss').lines[4].step.length"
        before, count = self.js(path), self.js(points)
        # What a reader did: a range, a hidden line, a sorted table, an open list.
        self.page.click("#curves-figure .legend li:nth-child(2) button")
        self.page.click("#runs th:nth-child(4) button")
        self.js("document.querySelector('#environments details').open = true")
        self.log(8, [1010, 1020, 1030], 2.5)
        self.wait_until(f"{points} === {count} + 3")
        self.assertNotEqual(self.js(path), before)
        self.assertEqual(self.js("document.querySelectorAll('#curves-figure .legend button')[1].getAttribute('aria-pressed')"), "false")
        self.store.execute("UPDATE run_attempts SET status = 'done', ended_ms = 90000 WHERE id = 8")
        self.store.commit()
        self.wait_until("document.querySelector('#running').textContent.includes('Nothing runs')")
        self.wait_until("[...document.querySelector('#runs table').tBodies[0].rows].every((row) => row.cells[1].textContent === 'done')")
        self.assertEqual(self.js("document.querySelector('#runs th[aria-sort]').cellIndex"), 3)
        seeds = self.js("[...document.querySelectorAll('#runs table')[0].tBodies[0].rows].map((row) => row.cells[3].textContent)")
        self.assertEqual(seeds, sorted(seeds))
        self.assertTrue(self.js("document.querySelector('#environments details').open"))
        self.shot("serve.png")
        self.assert_quiet()

    def test_config_values_choose_runs(self):
        self.open_study()
        self.assertEqual(self.page.texts("#choose summary")[0], "attention.name")
        self.js("document.querySelector('#choose [data-key=\"attention.name\"]').open = true")
        boxes = "#choose [data-key='attention.name'] label:nth-of-type({})"
        self.assertEqual(self.page.texts("#choose [data-key='attention.name'] label"), [" dense", " hash_sparse", " none"])
        self.page.click(boxes.format(1))
        self.wait_until("data.groups.length === 1")
        self.assertEqual(self.js("document.querySelectorAll('#runs table')[0].tBodies[0].rows.length"), 2)
        self.page.click(boxes.format(2))
        self.wait_until("data.groups.length === 3")
        self.assertEqual(self.js("document.querySelectorAll('#curves-figure .frame .line').length"), 3)
        self.assertIn("where=attention.name%3Ddense", self.js("location.search"))
        self.shot("serve-filter.png")
        self.page.click("#choose > button")
        self.wait_until("data.groups.length === 5")  # what is running is a line of its own
        self.assert_quiet()

    def test_runs_that_are_ticked_are_compared(self):
        self.open_study()
        for row in (1, 3, 7):
            self.page.click(f"#runs tbody tr:nth-child({row}) input")
        self.assertEqual(self.page.texts("#compare-picks"), ["compare 3 chosen"])
        self.page.click("#compare-picks")
        self.wait_until("data.groups.length === 3")
        self.assertEqual(self.page.texts("#comparison thead tr")[0], "whatrun 1run 3run 7")
        self.assertEqual(self.js("data.groups.map((group) => group.label)")[0], "run 1, dense, seed 0")
        self.assertTrue(any(row.startswith("attention.namedensehash_sparsenone") for row in self.page.texts("#comparison tbody tr")))
        self.assertEqual(self.js("document.querySelectorAll('#curves-figure .frame .line').length"), 3)
        self.shot("serve-runs.png")
        self.assert_quiet()

    def test_a_server_that_is_gone_or_a_database_that_is_gone_is_told(self):
        self.open_study()
        os.rename(self.database, self.database + ".away")
        self.wait_until("!document.getElementById('message').hidden")
        self.assertIn("no results database", self.page.texts("#message")[0])
        os.rename(self.database + ".away", self.database)
        self.wait_until("document.getElementById('message').hidden")
        self.assert_quiet()
        self.stop()
        self.wait_until("document.getElementById('message').textContent.includes('does not answer')")

    def test_thousands_of_points_that_grow_stay_smooth(self):
        self.open_study()
        milliseconds = self.js("""(() => {
          const long = [...Array(6000).keys()], key = 'train/loss', heads = data.curves.map(({ lines, ...head }) => head);
          const columns = (list) => ({ step: list, seconds: list, tokens: list, mean: list.map(Math.sin), low: list.map(Math.sin), high: list.map(Math.cos) });
          const lines = data.groups.map((_, g) => ({ key, g, from: 0, ...columns(long) }));
          const rest = { instance: state.instance, generation: state.generation, sections: {} };
          take({ ...rest, curves: heads, lines });
          const begin = performance.now();
          for (let i = 0; i < 10; ++i) take({ ...rest, lines: lines.map(({ g }) => ({ key, g, from: 6000 + i, ...columns([6000 + i]) })) });
          return (performance.now() - begin) / 10;
        })()""")
        print(f"a new point for each of 4 curves of 6,000 points: {milliseconds:.1f} ms")
        self.assertLess(milliseconds, 500)  # a twentieth of it on an idle machine


if __name__ == "__main__":
    browser.main()
