import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, expect } from 'vitest';
import { launchChromium, openContext } from '../support/chromium.ts';
import type { Node } from '../support/fleet.ts';

let browser: Browser | undefined;
const open = new Set<BrowserContext>();

afterEach(async () => {
  // A page asks on while it is closed: what a route of a test still does then concerns nobody.
  const pages = [...open].flatMap((context) => context.pages());
  await Promise.all(pages.map((page) => page.unrouteAll({ behavior: 'ignoreErrors' })));
  await Promise.all([...open].map((context) => context.close()));
  open.clear();
});
afterAll(async () => {
  await browser?.close();
});

export interface OpenOptions {
  readonly view?: string;
  readonly scheme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
  /** Before the page is loaded: routes. */
  readonly before?: (page: Page) => Promise<void>;
}

export interface Opened {
  readonly page: Page;
  /**
   * What the console, the page or the content security policy complained of, but for failed requests that a test
   * causes.
   */
  readonly complaints: readonly string[];
}

const launched = async (): Promise<Browser> => (browser ??= await launchChromium());

/** An empty page that runs `script`. Closed when its test ends. */
export async function openEmpty(script: string): Promise<Page> {
  const context = await openContext(await launched());
  open.add(context);
  const page = await context.newPage();
  await page.addScriptTag({ content: script });
  return page;
}

/** A tab of its own on a node's dashboard. Closed when its test ends. */
export async function openDashboard(node: Node, options: OpenOptions = {}): Promise<Opened> {
  const { view = 'overview', scheme = 'light', width = 1280, height = 900, before } = options;
  const context = await openContext(await launched(), {
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: 'reduce',
  });
  open.add(context);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    // Chromium itself notes answers of 400 and above and refused connections; those are what some tests are about.
    if (message.text().startsWith('Failed to load resource')) return;
    complaints.push(`${message.type()}: ${message.text()}`);
  });
  await page.addInitScript({
    content:
      "document.addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))",
  });
  await before?.(page);
  await page.goto(`${node.api.url}/dashboard/#/${view}`);
  return { page, complaints };
}

/** The chip in the header. */
export const verdictChip = (page: Page, title: string) => page.getByRole('banner').getByText(title, { exact: true });

/** Goes to another view by its link, as a reader does. */
export async function goTo(page: Page, name: string): Promise<void> {
  await page
    .getByRole('navigation', { name: 'Views' })
    .getByRole('link', { name: new RegExp(`^${name}`) })
    .click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
}

/** Types a token into the dialog that asks for it. */
export async function typeToken(page: Page, token: string): Promise<void> {
  const dialog = page.getByRole('dialog', { name: 'Sign in' });
  await dialog.getByLabel('Token of this node').fill(token);
  await dialog.getByRole('button', { name: 'Sign in' }).click();
}

/** Answers the question for the token. */
export async function giveToken(page: Page, token: string): Promise<void> {
  await typeToken(page, token);
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor({ state: 'hidden' });
}

/** The row of a node in the table of the fleet. */
export const rowOf = (page: Page, name: string) =>
  page.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) });

export function expectNoComplaint({ complaints }: Opened): void {
  expect(complaints).toEqual([]);
}
