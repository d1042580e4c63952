// Starts the Chromium that CHROMIUM names, or that of one of Debian's packages.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const PACKAGED = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'];

export function launchChromium() {
  const executablePath = process.env.CHROMIUM ?? PACKAGED.find((path) => existsSync(path));
  if (executablePath === undefined || !existsSync(executablePath))
    throw new Error(
      `there is no Chromium at ${executablePath ?? PACKAGED.join(' or ')}: install one of Debian's packages, or name another in CHROMIUM`,
    );
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}
