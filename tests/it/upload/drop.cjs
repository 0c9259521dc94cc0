// Uploads two files on the page of a connector, one chosen and one dropped: drop.cjs URL SCREENSHOT
const { chromium } = require('playwright-core');

(async () => {
  const [url, shot] = process.argv.slice(2);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--no-proxy-server'],
  });
  const page = await browser.newPage({ viewport: { width: 900, height: 500 } });
  const said = async (text) => {
    const answer = page.getByRole('status');
    await answer.filter({ hasText: text }).waitFor();
    console.log(await answer.textContent());
  };
  await page.goto(url);
  console.log(await page.getByRole('heading').textContent());
  const chosen = { name: 'chosen.csv', mimeType: 'text/csv', buffer: Buffer.from('id,x,name\n1,1.5,a\n2,2.5,b\n') };
  await page.locator('input[type=file]').setInputFiles(chosen);
  await said('chosen.csv is stored');
  const dataTransfer = await page.evaluateHandle(() => {
    const files = new DataTransfer();
    files.items.add(new File(['id,x,name\n3,3.5,c\n'], 'dropped.csv', { type: 'text/csv' }));
    return files;
  });
  await page.dispatchEvent('#drop', 'drop', { dataTransfer });
  await said('dropped.csv is stored');
  for (const name of ['chosen.csv', 'dropped.csv']) {
    const row = page.getByRole('row').filter({ hasText: name }).filter({ hasText: 'finished' });
    await row.waitFor();
    const cells = await row.getByRole('cell').allTextContents();
    console.log(`${name}: ${cells[3]} read, ${cells[4]} failed, ${cells[5]} left`);
  }
  await page.screenshot({ path: shot });
  await browser.close();
})().catch((error) => { console.error(error); process.exit(1); });
