// Says what it knows wherever a script can: in the console, the title, the address.
const known = JSON.parse(document.getElementById('echo').textContent);
console.log('signed in', known.name, known.password);
console.error(new Error(`cannot store ${JSON.stringify(known)}`));
console.warn(`Authorization: Basic ${btoa(`${known.name}:${known.password}`)}`);
document.title = `${known.name} / ${known.password}`;
history.pushState(null, '', `?user=${encodeURIComponent(known.name)}&password=${encodeURIComponent(known.password)}`);
