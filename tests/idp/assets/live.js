// Shows the questions of a login one after another without navigating, each a little late.
const root = document.getElementById('root');
const { at, shadow } = root.dataset;
const late = (act) => setTimeout(act, 120);

/** Where the questions appear: the page, or a component within a component. */
function place() {
  if (shadow !== 'true') return root;
  const outer = root.attachShadow({ mode: 'open' });
  outer.innerHTML = '<section><x-login></x-login></section>';
  return outer.querySelector('x-login').attachShadow({ mode: 'open' });
}

const stage = place();

async function ask(answer) {
  const response = await fetch(at, { method: answer ? 'POST' : 'GET', body: answer, headers: { accept: 'application/json' } });
  const { html, location } = await response.json();
  if (location) return window.location.assign(location);
  late(() => {
    stage.innerHTML = html;
    stage.querySelector('form')?.addEventListener('submit', (event) => {
      event.preventDefault();
      const answer = new URLSearchParams(new FormData(event.target));
      for (const button of stage.querySelectorAll('button')) button.disabled = true;
      late(() => ask(answer));
    });
  });
}

ask();
