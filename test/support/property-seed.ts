import fc from 'fast-check';

// A build judges a change, so it takes the same cases every time; everybody else's run looks for new ones.
if (process.env['CI'] !== undefined) fc.configureGlobal({ seed: 20_261_126 });
