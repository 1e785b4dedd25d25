"""serve_test.py: a grid that runs, watched in a real browser: its curves grow and its end is seen, without a reload."""
import os
import re
import signal
import sys

import lab

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import browser  # noqa: E402


class Serve(lab.Lab):
    def serve(self):
        server = self.start("serve", "--port", "0")
        return server, re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())[0]

    def test_a_grid_is_watched_to_its_end(self):
        grid = self.start("grid", "--study", "watched", "--jobs", "2", *lab.LONG, "attention=none,dense")
        self.wait_for_metrics(2)
        server, address = self.serve()
        page = browser.Browser(browser.find())
        self.addCleanup(page.close)
        page.open(address)
        page.click("#studies tbody a")
        self.wait_until("the study's page is there", lambda: page.value(
            "location.pathname === '/study' && document.readyState === 'complete' && typeof ask === 'function'"))
        page.value("document.documentElement.dataset.loaded = 'once'")  # a reload would lose it
        steps = "data.curves.find((c) => c.key === 'train/loss').lines.map((line) => line.step.at(-1))"
        self.wait_until("both curves are there", lambda: page.value(
            "(data.curves.find((c) => c.key === 'train/loss')?.lines.length ?? 0) === 2"))
        before, drawn = page.value(steps), "document.querySelector('#curves-figure .axes').textContent"
        self.assertEqual(page.value("document.querySelectorAll('#running progress').length"), 2)
        page.value("(() => { const s = document.querySelector('#curves-figure select'); s.value = 'train/loss'; "
                   "s.dispatchEvent(new Event('change')); })()")
        axes = page.value(drawn)
        self.wait_until("both curves have grown", lambda: all(
            now > then for now, then in zip(page.value(steps), before)))
        self.assertNotEqual(page.value(drawn), axes)
        grid.send_signal(signal.SIGINT)
        self.assertEqual(grid.wait(60), lab.INTERRUPTED)
        self.wait_until("the page knows the end", lambda: page.value(
            "document.querySelector('#running').textContent.includes('2 interrupted')"))
        self.wait_until("so do its tables", lambda: page.value(
            "[...document.querySelector('#runs table').tBodies[0].rows].every((row) => row.cells[1].textContent === 'interrupted')"))
        self.assertEqual(page.value("document.documentElement.dataset.loaded"), "once")
        self.assertEqual(page.problems, [])
        server.send_signal(signal.SIGINT)
        self.assertEqual(server.wait(20), 0)
        self.assert_sound()


if __name__ == "__main__":
    browser.main()
