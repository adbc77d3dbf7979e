// The uplink call: a job is begun, followed to its end, and the destination is read.

import { date, first, getJson, personName, values } from './dicomweb.js';

const ENDED = ['done', 'failed', 'cancelled'];

export async function send(uplink, study, show) {
  const response = await fetch(uplink, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ study, share: {} }),
  });
  if (!response.ok) throw new Error(`${response.status} from ${uplink}`);
  const job = await response.json();
  show(job);
  await followed(`${uplink}/jobs/${job.id}/events`, show);
}

function followed(url, show) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(url);
    events.addEventListener('job', (event) => {
      const job = JSON.parse(event.data);
      show(job);
      if (!ENDED.includes(job.state)) return;
      events.close();
      if (job.state === 'done') resolve();
      else reject(new Error(job.reason ?? job.state));
    });
    events.addEventListener('error', () => { if (events.readyState === EventSource.CLOSED) reject(new Error('no answer')); });
  });
}

// Each study as a row of text.
export async function sentStudies(destination) {
  const found = await getJson(`${destination}/studies`);
  return found.map((study) => [
    personName(first(study, '00100010')),
    ...['00100020', '00100030', '00100040', '00080020'].map((tag) => date(first(study, tag))),
    values(study, '00080061').join(' '),
    String(first(study, '00201208') ?? ''),
  ]);
}
