// Visits the page of colours: pick.cjs URL NAME SCREENSHOT
const { chromium } = require('playwright-core');

(async () => {
  const [url, name, shot] = process.argv.slice(2);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--no-proxy-server'],
  });
  const page = await browser.newPage({ viewport: { width: 800, height: 600 } });
  let elsewhere = 0;
  page.on('request', (request) => { if (!request.url().startsWith(url) && !request.url().startsWith('data:')) elsewhere += 1; });
  const said = async (text) => {
    const answer = page.getByRole('status');
    await answer.filter({ hasText: text }).waitFor();
    console.log(await answer.textContent());
  };
  await page.goto(url);
  await page.getByRole('button', { name: 'red' }).click();
  await said('name first');
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'violet' }).click();
  await said('picked violet');
  await page.screenshot({ path: shot });
  console.log(`${elsewhere} requests elsewhere`);
  await browser.close();
})().catch((error) => { console.error(error); process.exit(1); });
