// Reads the page of an aggregate, also while a line is written: page.cjs URL LOG LINE SCREENSHOT
const fs = require('fs');
const { chromium } = require('playwright-core');

(async () => {
  const [url, log, line, shot] = process.argv.slice(2);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--no-proxy-server'],
  });
  const page = await browser.newPage({ viewport: { width: 900, height: 600 } });
  const rows = () => page.locator('tbody tr');
  // Once the newest row begins so: all rows up to the count, and how many bars there are.
  const tell = async (newest, columns) => {
    await rows().first().filter({ hasText: newest }).waitFor();
    for (const row of await rows().all()) {
      console.log((await row.getByRole('cell').allTextContents()).slice(0, columns).join(' '));
    }
    console.log(`${await page.locator('svg rect').count()} bars`);
  };
  await page.goto(url);
  await page.getByRole('heading').filter({ hasText: 'events' }).waitFor();
  console.log(await page.getByRole('heading').textContent());
  await tell('2026-11-21T10:01:00ZINFO1', 3);
  fs.appendFileSync(log, line);
  await tell('2026-11-21T10:01:00ZINFO2', 3);
  await page.getByLabel('Groups').selectOption('all together');
  await page.getByLabel('Windows of').selectOption('5 min');
  await tell('2026-11-21T10:00:00Z5', 2);
  await page.screenshot({ path: shot });
  await browser.close();
})().catch((error) => { console.error(error); process.exit(1); });
