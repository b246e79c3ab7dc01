// Opens the status pages that `cargo run --bin status-fixture` wrote, in headless Chromium: light and dark, wide, narrow and
// printed, with and without the page's own Content-Security-Policy. Takes their folder, and after `--keep` a file to keep a
// screenshot in. Ends with `N passed, N failed`.

import { accessSync, constants, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import puppeteer from 'puppeteer-core'

const [folder, flag, screenshot] = process.argv.slice(2)
if (!folder || (flag && (flag !== '--keep' || !screenshot))) {
  console.error('usage: node check.mjs FOLDER [--keep PNG]')
  process.exit(2)
}
const status = JSON.parse(readFileSync(join(folder, 'status.json'), 'utf8'))
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let passed = 0
let failed = 0
const check = (name, found, expected = []) => {
  const same = JSON.stringify(found) === JSON.stringify(expected)
  if (same) passed += 1
  else failed += 1
  if (!same) console.log(`FAILED  ${name}: ${JSON.stringify(found, null, 1)}, expected ${JSON.stringify(expected)}`)
}

const chromium = () => {
  const isThere = (path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  }
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  const paths = (process.env.PATH ?? '').split(delimiter).flatMap((place) => names.map((name) => join(place, name)))
  const found = [process.env.CHROMIUM ?? '', ...paths].find((path) => path && isThere(path))
  if (found) return found
  console.error('no Chromium on PATH: install it (Debian: apt-get install chromium), or name it in CHROMIUM')
  process.exit(1)
}

// What a page of any kind must not do, whatever is on it.
const watched = (page) => {
  const seen = { console: [], requests: [] }
  page.on('console', (message) => seen.console.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => seen.console.push(`error: ${error.message}`))
  page.on('dialog', (dialog) => {
    seen.console.push(`dialog: ${dialog.message()}`)
    dialog.dismiss()
  })
  page.on('request', (request) => {
    if (!request.url().startsWith('data:') && !request.isNavigationRequest()) seen.requests.push(request.url())
  })
  return seen
}

const violations = async (page) => {
  await page.evaluate(axe)
  const run = () => globalThis.axe.run(document, { resultTypes: ['violations', 'incomplete'] })
  const { violations, incomplete, passes } = await page.evaluate(run)
  // What axe-core cannot tell the contrast of, it does not pass. Of the chart's texts it never can: see `contrasts`.
  const unsure = incomplete.filter((rule) => rule.id === 'color-contrast')
  unsure.forEach((rule) => (rule.nodes = rule.nodes.filter((node) => !node.html.startsWith('<text'))))
  const brief = (rule) => ({ rule: rule.id, nodes: rule.nodes.map((node) => `${node.target}: ${node.failureSummary}`).slice(0, 3) })
  return { found: [...violations, ...unsure].filter((rule) => rule.nodes.length > 0).map(brief), judged: passes.map((rule) => rule.id) }
}

// The least contrast of the chart's texts, and of its bars, against what they stand on.
// https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
const contrasts = (page) =>
  page.evaluate(() => {
    const luminance = (colour) => {
      const parts = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255)
      const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const ground = luminance(getComputedStyle(document.querySelector('figure')).backgroundColor)
    const least = (selector) => {
      const own = [...document.querySelectorAll(selector)].map((node) => luminance(getComputedStyle(node).fill))
      return Math.min(...own.map((one) => (Math.max(one, ground) + 0.05) / (Math.min(one, ground) + 0.05)))
    }
    return { texts: least('svg text'), bars: least('svg rect') }
  })

// The page's numbers, as they stand on it.
const shown = (page) =>
  page.evaluate(() => {
    const text = (node) => node.textContent.trim()
    const all = (selector, root = document) => [...root.querySelectorAll(selector)]
    const box = document.querySelector('svg')?.viewBox.baseVal
    const isInside = (bar) => {
      const { x, y, width, height } = bar.getBBox()
      return width > 1 && height > 1 && x >= 0 && y >= 0 && x + width <= box.width && y + height <= box.height
    }
    return {
      title: document.title,
      headings: all('h1').map(text),
      rows: all('table.runs tbody tr').map((row) => all('td.n', row).map(text)),
      bars: all('svg g.run > title').map(text),
      copied: all('svg rect.copied').filter(isInside).length,
      failed: all('svg rect.failed').filter(isInside).length,
      headers: all('table').every((table) => table.caption && all('th', table).every((th) => th.scope)),
      strangers: all('script, img, iframe, object, embed, base, form, link:not([rel=icon]), style:not(head style)').length,
      handlers: all('*').flatMap((node) => node.getAttributeNames()).filter((name) => name.startsWith('on')),
      links: all('a').map((link) => link.href),
      text: document.body.textContent,
      ground: getComputedStyle(document.body).backgroundColor,
      overflowing: all('body, body *')
        .filter((node) => node.getBoundingClientRect().right > innerWidth + 1 && !node.parentElement.closest('.scroll'))
        .map((node) => node.outerHTML.slice(0, 80)),
      fits: all('.scroll').every((place) => place.scrollWidth <= place.clientWidth),
      overflows: document.scrollingElement.scrollWidth > innerWidth,
    }
  })

const number = (n) => (n === null ? '–' : n.toLocaleString('en-US'))

const checkHistory = (name, page) => {
  const told = status.runs.filter((run) => run.copied !== null)
  const numbers = status.runs.map((run) => [run.copied, run.failed].map(number))
  check(`${name}: the table holds the runs`, page.rows.map((row) => row.slice(1, 3)), numbers)
  check(`${name}: there are many`, [page.rows.length, told.length > 50], [60, true])
  const bars = told.map((run) => `${number(run.copied)} copied, ${number(run.failed)} failed`).reverse()
  check(`${name}: the chart holds the runs`, page.bars.map((bar) => bar.split(': ')[1]), bars)
  const count = (field) => told.filter((run) => run[field] > 0).length
  check(`${name}: every number has its bar`, [page.copied, page.failed], [count('copied'), count('failed')])
  check(`${name}: tables have captions, headers have scopes`, page.headers, true)
  check(`${name}: one heading, of the route`, page.headings, ['photos'])
  check(`${name}: title`, page.title, 'photos · Warning · Transship')
  check(`${name}: no element of a key's`, [page.strangers, page.handlers], [0, []])
  const elsewhere = page.links.filter((link) => !/^https:\/\/[a-z0-9-]+\.console\.aws\.amazon\.com\/s3\//.test(link))
  check(`${name}: links lead to the console only`, [page.links.length > 90, elsewhere], [true, []])
  const keys = ['</script><img src=x onerror="document.title=\'harm\'">.jpg', '{{ 7*7 }}{% raw %}&amp;&#60;b&#62;', 'invoice\\u{202e}fdp.exe', 'שלום עולם/מסמך.pdf']
  check(`${name}: keys are shown as they are`, keys.filter((key) => !page.text.includes(key)))
}

const browser = await puppeteer.launch({ executablePath: chromium(), args: ['--no-sandbox', '--disable-dev-shm-usage'] })
try {
  const grounds = new Set()
  for (const file of ['status.html', 'empty.html']) {
    for (const scheme of ['light', 'dark']) {
      for (const [width, media, csp] of [[1280, 'screen', true], [1280, 'screen', false], [375, 'screen', true], [800, 'print', true]]) {
        const name = `${file} ${scheme} ${width} ${media}${csp ? '' : ' without its policy'}`
        const page = await browser.newPage()
        const seen = watched(page)
        await page.setBypassCSP(!csp)
        await page.setViewport({ width, height: 900 })
        await page.emulateMediaType(media)
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
        await page.goto(pathToFileURL(join(folder, file)).href, { waitUntil: 'load' })
        // What a key would load or run, it would by now.
        await new Promise((resolve) => setTimeout(resolve, 200))
        const what = await shown(page)
        if (file === 'status.html') {
          checkHistory(name, what)
          const { texts, bars } = await contrasts(page)
          check(`${name}: the chart's contrast (${texts}, ${bars})`, [texts >= 4.5, bars >= 3], [true, true])
        }
        check(`${name}: nothing is wider than the screen`, [what.overflows, what.overflowing], [false, []])
        if (width === 1280) check(`${name}: nothing has to be scrolled sideways`, what.fits, true)
        if (media === 'screen') grounds.add(`${scheme} ${what.ground}`)
        const { found, judged } = await violations(page)
        check(`${name}: axe-core`, found)
        check(`${name}: axe-core judged contrast`, judged.includes('color-contrast'), true)
        check(`${name}: console`, seen.console)
        check(`${name}: requests`, seen.requests)
        if (screenshot && file === 'status.html' && width === 1280 && csp && scheme === 'light') {
          await page.screenshot({ path: screenshot, clip: { x: 0, y: 0, width, height: 1400 } })
        }
        await page.close()
      }
    }
  }
  check('light and dark differ', grounds.size, 2)
} finally {
  await browser.close()
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
