// What forgotten debug output does: logs all that is typed.
document.addEventListener('change', ({ target }) => console.log('changed', target.name, target.value));
document.addEventListener('submit', ({ target }) => console.log('sent', JSON.stringify([...new FormData(target)])));
