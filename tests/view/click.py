"""Opens pages of `tl view` in headless Chromium without a network, clicks a node, takes a step back, and photographs what is shown.

Usage: click.py PAGE NODE PICTURE [WIDTH HEIGHT]. Prints what the panel says of the node, and a line for every error of the page.
Needs playwright (requirements.txt beside this file) and a Chromium that is installed: CHROMIUM, or `chromium` in the path.
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

page_file, node, picture = sys.argv[1:4]
width, height = (int(x) for x in sys.argv[4:6]) if len(sys.argv) > 5 else (1360, 860)
browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium")

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
    page = context.new_page()
    page.on("pageerror", lambda error: print("error:", error))
    page.on("request", lambda request: request.url.startswith("file:") or print("error: asks for", request.url))
    page.goto(Path(page_file).resolve().as_uri())
    if page.locator("#next").is_visible():
        page.click("#next")
        page.click("#next")
        print("step:", page.inner_text("#step"))
    page.locator(f'[data-id="{node}"]').first.click()
    print("panel:", page.inner_text("#panel").replace("\n", " | "))
    print("selected:", page.locator(".selected").get_attribute("data-id"))
    page.screenshot(path=picture)
    browser.close()
