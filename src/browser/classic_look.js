// Runs `look.js` (put in the place of the word below) in a document over classic WebDriver, which has no worlds of its own and no events: says with it where the
// document is, what led to it, whether it is being left, and which error a page of the browser's own is about.
'use strict';
const [known, generation, wait, done] = arguments;
const WAY = Symbol.for('authprobe.way');
if (!window[WAY]) {
  const way = { leaving: false, to: '' };
  Object.defineProperty(window, WAY, { value: way });
  addEventListener('beforeunload', () => { way.leaving = true; });
  addEventListener('pageshow', () => { way.leaving = false; });
  // Where to is only known where there is a Navigation API.
  try { navigation.addEventListener('navigate', (event) => { way.to = String(event.destination.url).slice(0, 2000); }); } catch { /* an older browser */ }
}
const way = window[WAY];
const entry = () => performance.getEntriesByType('navigation')[0]?.name ?? '';
const tell = (story) => done({
  story, at: location.href.slice(0, 65536), from: String(entry()).slice(0, 65536), loading: document.readyState === 'loading', leaving: way.leaving, to: way.to,
});
const own = document.documentURI;
if (/^(chrome-error:|about:(neterror|certerror|blocked|httpsonlyerror))/.test(own)) {
  const code = window.loadTimeData?.data_?.errorCode ?? document.querySelector('.error-code')?.textContent ?? '';
  const why = own.startsWith('about:') ? own : `${own} ${code}`;
  done({ broken: why.slice(0, 2000), at: location.href.slice(0, 65536), from: String(entry()).slice(0, 65536) });
} else {
  const after = window[Symbol.for('authprobe')]?.document === known ? generation : 0;
  ((globalThis) => (LOOK))(window)(after, wait).then(tell, () => tell(null));
}
