(plan) => {
  // Does what a page asks for in one go, by `act` beside it: fills fields, ticks boxes, and says where to press or has the
  // focus put where Enter belongs. Answers `{said, field?, point?}`; what is not "ok" ends it.
  'use strict';
  const { fills, ticks, press, focus } = JSON.parse(plan);
  for (const [field, [mark, text]] of fills.entries()) {
    const said = act('fill', mark, text);
    if (said !== 'ok') return JSON.stringify({ said, field });
  }
  for (const mark of ticks) act('tick', mark, '');
  if (focus !== null) act('focus', focus, '');
  return JSON.stringify({ said: 'ok', point: press === null ? undefined : JSON.parse(act('point', press, '')) });
}
