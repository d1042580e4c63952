// Asks a node for the proof of a key and checks it here, by the public keys that the reader trusts. Neither the node nor
// whoever stands between can make this page show a value that the fleet does not have.
import { bundledCrypto, examineProof } from 'diotec360-lattice/audit';
import { createClient } from 'diotec360-lattice/client';

const form = document.querySelector('form');
const output = document.querySelector('output');
const list = document.querySelector('ul');

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const { url, key, trusted } = Object.fromEntries(new FormData(form));
  output.textContent = 'Asking the node …';
  list.replaceChildren();
  try {
    // The text as it came, not what JSON.parse makes of it: the verifier reads every character.
    const document = await createClient({ url, timeoutMs: 10_000 }).getProofText(key);
    const { checks, proven, error } = await examineProof(document, {
      ...bundledCrypto(),
      trusted: trusted.split(/\s+/).filter((text) => text !== ''),
      asked: { key },
    });
    output.textContent =
      error === undefined ? `Proven: ${key} ${shown(proven)}` : `Not proven (${error.code}): ${error.message}`;
    list.replaceChildren(...checks.map(itemOf));
  } catch (error) {
    // A node that does not name this page's origin among its CORS origins cannot be told from one that is away.
    output.textContent = `${error.message}. If the node runs: does it allow ${location.origin}?`;
  }
});

function shown({ kind, value, root }) {
  const what = kind === 'present' ? `is ${JSON.stringify(value)}` : kind === 'deleted' ? 'was deleted' : 'has no value';
  return `${what}, under the root ${root.slice(0, 16)}…`;
}

function itemOf({ check, result, text }) {
  const item = document.createElement('li');
  item.textContent = `${check}: ${result} (${text})`;
  return item;
}
