import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';

/** Debian's packages: the one without a screen starts and draws in less than the whole browser takes. */
const PACKAGED = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'];
/** What CHROMIUM names, or a package. */
const CHROMIUM = process.env['CHROMIUM'] ?? PACKAGED.find((path) => existsSync(path));

/** Two cores, shared with several nodes and other tests. */
const LOOK_MS = 120_000;

export const hasChromium = CHROMIUM !== undefined && existsSync(CHROMIUM);

export async function launchChromium(): Promise<Browser> {
  if (CHROMIUM === undefined || !hasChromium)
    throw new Error(
      `there is no Chromium at ${CHROMIUM ?? PACKAGED.join(' or ')}: install one of Debian's packages, or name another in CHROMIUM`,
    );
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
}

/** A context whose waits end only what hangs. */
export async function openContext(
  browser: Browser,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(LOOK_MS);
  return context;
}
