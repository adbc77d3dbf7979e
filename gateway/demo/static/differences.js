// Two Data Sets (DICOM JSON) side by side: rows of what stayed, changed and went, nested Items included.

import { personName } from './dicomweb.js';

export const KINDS = {
  removed: 'removed', emptied: 'emptied', pseudonym: 'pseudonym', replaced: 'replaced', newuid: 'new UID', added: 'added', kept: 'kept',
};
const PATIENT = new Set(['00100010', '00100020']);

export function compare(before, after, depth = 0, path = '') {
  const rows = [];
  for (const tag of [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].sort()) {
    const [old, now] = [before?.[tag], after?.[tag]];
    const row = { tag, depth, path: `${path}${tag}`, vr: (old ?? now).vr, before: text(old), after: text(now) };
    row.kind = kind(tag, old, now, row);
    rows.push(row);
    if (row.vr !== 'SQ') continue;
    const items = Math.max(old?.Value?.length ?? 0, now?.Value?.length ?? 0);
    const inner = [];
    for (let i = 0; i < items; i += 1) {
      inner.push(...compare(old?.Value?.[i], now?.Value?.[i], depth + 1, `${row.path}/${i + 1}/`));
    }
    if (old && now && inner.some(({ kind: one }) => one !== 'kept')) row.kind = 'replaced';
    rows.push(...inner);
  }
  return rows;
}

function kind(tag, old, now, { vr, before, after }) {
  if (!now) return 'removed';
  if (!old) return 'added';
  if (vr === 'SQ') return old.Value?.length && !now.Value?.length ? 'emptied' : 'kept';
  if (before === after) return 'kept';
  if (after === '') return 'emptied';
  if (vr === 'UI') return 'newuid';
  return PATIENT.has(tag) ? 'pseudonym' : 'replaced';
}

export function text(entry) {
  if (!entry) return '';
  if (entry.BulkDataURI) return 'bulk data';
  if (entry.InlineBinary) return `${Math.floor(entry.InlineBinary.replace(/=+$/, '').length * 0.75)} bytes`;
  if (!entry.Value) return '';
  if (entry.vr === 'SQ') return entry.Value.length === 1 ? '1 item' : `${entry.Value.length} items`;
  return entry.Value.map((value) => (entry.vr === 'PN' ? personName(value) : value ?? '')).join(' \\ ');
}
