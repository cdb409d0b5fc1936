// Asks the authenticator for an assertion, and sends it.
const field = document.getElementById('assertion');
const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

document.getElementById('passkey').addEventListener('click', async () => {
  try {
    const publicKey = { challenge: bytes(field.dataset.challenge), rpId: field.dataset.rp, userVerification: 'required' };
    const { id, response } = await navigator.credentials.get({ publicKey });
    const of = (name) => [name, base64url(response[name])];
    field.value = JSON.stringify({ id, ...Object.fromEntries(['clientDataJSON', 'authenticatorData', 'signature'].map(of)) });
    field.form.submit();
  } catch (error) {
    document.getElementById('error').textContent = `No passkey: ${error.name}`;
  }
});
