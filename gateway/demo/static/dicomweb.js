// A small DICOMweb reader: Search and metadata as JSON, Frames out of multipart/related.

const FRAMES = 'multipart/related; type=application/octet-stream; transfer-syntax=*';
const PLAIN_FRAMES = 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1';

export async function getJson(url) {
  const response = await fetch(url, { headers: { Accept: 'application/dicom+json' } });
  if (response.status === 204) return [];
  if (!response.ok) throw Object.assign(new Error(`${response.status} from ${new URL(url, location.href).pathname}`), { status: response.status });
  return response.json();
}

// One Frame as it is stored, or uncompressed: { bytes, type, syntax }.
export async function getFrame(instanceUrl, number, { plain = false } = {}) {
  const response = await fetch(`${instanceUrl}/frames/${number}`, { headers: { Accept: plain ? PLAIN_FRAMES : FRAMES } });
  if (!response.ok) throw new Error(`${response.status} for frame ${number}`);
  return firstPart(new Uint8Array(await response.arrayBuffer()));
}

export function firstPart(body) {
  const headerEnd = find(body, [13, 10, 13, 10], 0);
  if (headerEnd < 0) throw new Error('not multipart');
  const lines = new TextDecoder('latin1').decode(body.subarray(0, headerEnd)).split('\r\n').filter(Boolean);
  const boundary = [13, 10, ...new TextEncoder().encode(lines[0])];
  const end = find(body, boundary, headerEnd + 4);
  if (end < 0) throw new Error('the answer broke off');
  const contentType = (lines.find((line) => /^content-type:/i.test(line)) || '').slice(13).trim();
  const syntax = /transfer-syntax="?([0-9.]+)/i.exec(contentType);
  return { bytes: body.slice(headerEnd + 4, end), type: contentType.split(';')[0].trim().toLowerCase(), syntax: syntax ? syntax[1] : '' };
}

function find(bytes, pattern, from) {
  outer: for (let i = bytes.indexOf(pattern[0], from); i >= 0; i = bytes.indexOf(pattern[0], i + 1)) {
    for (let j = 1; j < pattern.length; j += 1) if (bytes[i + j] !== pattern[j]) continue outer;
    return i;
  }
  return -1;
}

export const values = (dataSet, tag) => dataSet?.[tag]?.Value ?? [];
export const first = (dataSet, tag) => values(dataSet, tag)[0];

export function personName(name, most = 3) {
  if (!name) return '';
  const groups = [name.Alphabetic, name.Ideographic, name.Phonetic].filter(Boolean).slice(0, most);
  return groups.map((group) => group.replace(/\^+/g, ' ').trim()).join(' · ');
}

export function date(text) {
  return /^\d{8}$/.test(text ?? '') ? `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}` : text ?? '';
}
