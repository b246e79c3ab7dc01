// Unpacks npm's Chromium, and the libraries that it needs, into a folder, and prints the path of its program. The libraries
// are in FOLDER/al2023/lib: LD_LIBRARY_PATH must name that.

import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'

const [folder] = process.argv.slice(2)
if (!folder) {
  console.error('usage: node unpack.mjs FOLDER')
  process.exit(2)
}
mkdirSync(folder, { recursive: true })
// It unpacks into the temporary folder, and the libraries only where it takes itself to be on Lambda.
process.env.TMPDIR = resolve(folder)
process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs20.x'
const { default: chromium } = await import('@sparticuz/chromium')
console.log(await chromium.executablePath())
