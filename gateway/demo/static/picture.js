// A Frame on a canvas: native and RLE samples by hand, JPEG by the browser; anything else is left to a real viewer.

import { first, getFrame, values } from './dicomweb.js';

const NAMES = {
  '1.2.840.10008.1.2.4.57': 'JPEG lossless', '1.2.840.10008.1.2.4.70': 'JPEG lossless', '1.2.840.10008.1.2.4.80': 'JPEG-LS',
  '1.2.840.10008.1.2.4.81': 'JPEG-LS', '1.2.840.10008.1.2.4.90': 'JPEG 2000', '1.2.840.10008.1.2.4.91': 'JPEG 2000',
  '1.2.840.10008.1.2.4.201': 'HTJ2K', '1.2.840.10008.1.2.4.203': 'HTJ2K',
};
const JPEG = new Set(['1.2.840.10008.1.2.4.50', '1.2.840.10008.1.2.4.51']);
const RLE = '1.2.840.10008.1.2.5';

export const hasPixels = (dataSet) => first(dataSet, '00280010') > 0 && first(dataSet, '00280011') > 0;

// Returns { bitmap, stored }: what to draw, and how it came; or throws with words for the user.
export async function loadFrame(url, dataSet, number) {
  const frame = await getFrame(url, number);
  const drawn = await decode(frame, dataSet);
  if (drawn) return { bitmap: drawn, stored: label(frame) };
  const stored = label(frame);
  const plain = await getFrame(url, number, { plain: true }).catch(() => null);
  const bitmap = plain && await decode(plain, dataSet);
  if (bitmap) return { bitmap, stored };
  throw new Error(`Compressed as ${stored}: open it in OHIF.`);
}

function label({ type, syntax }) {
  if (NAMES[syntax]) return NAMES[syntax];
  if (syntax === RLE || type === 'image/dicom-rle') return 'RLE';
  if (JPEG.has(syntax) || type === 'image/jpeg') return 'JPEG';
  return type === 'application/octet-stream' ? 'uncompressed' : type;
}

async function decode({ bytes, type, syntax }, dataSet) {
  if (JPEG.has(syntax) || (type === 'image/jpeg' && !syntax)) {
    return createImageBitmap(new Blob([bytes], { type: 'image/jpeg' })).catch(() => null);
  }
  const image = describe(dataSet);
  if (syntax === RLE || type === 'image/dicom-rle') return createImageBitmap(paint(unpackRle(bytes, image), image));
  const native = type === 'application/octet-stream' && (!syntax || /^1\.2\.840\.10008\.1\.2(\.1)?(\.99)?$/.test(syntax));
  if (!native || bytes.length < image.rows * image.columns * image.samples * image.bytes) return null;
  return image.supported ? createImageBitmap(paint(bytes, image)) : null;
}

function describe(dataSet) {
  const photometric = first(dataSet, '00280004') ?? 'MONOCHROME2';
  const samples = first(dataSet, '00280002') ?? 1;
  const bits = first(dataSet, '00280100') ?? 8;
  return {
    rows: first(dataSet, '00280010'), columns: first(dataSet, '00280011'), samples, bytes: bits / 8, photometric,
    signed: first(dataSet, '00280103') === 1, planar: first(dataSet, '00280006') === 1,
    slope: Number(first(dataSet, '00281053') ?? 1), intercept: Number(first(dataSet, '00281052') ?? 0),
    center: numbers(dataSet, '00281050'), width: numbers(dataSet, '00281051'),
    supported: (bits === 8 || bits === 16) && (samples === 3 ? /^(RGB|YBR_FULL)$/ : /^MONOCHROME[12]$/).test(photometric),
  };
}

const numbers = (dataSet, tag) => { const found = values(dataSet, tag)[0]; return found === undefined ? null : Number(found); };

// PS3.5 Annex G: a header of offsets, then one run-length coded plane per byte of each sample, high bytes first.
function unpackRle(data, image) {
  const header = new DataView(data.buffer, data.byteOffset, 64);
  const count = image.rows * image.columns;
  const out = new Uint8Array(count * image.samples * image.bytes);
  const segments = header.getUint32(0, true);
  for (let segment = 0; segment < segments; segment += 1) {
    const sample = Math.floor(segment / image.bytes);
    const byte = image.bytes - 1 - (segment % image.bytes);
    const step = image.samples * image.bytes;
    let to = sample * image.bytes + byte;
    let from = header.getUint32(4 + 4 * segment, true);
    const end = segment + 1 < segments ? header.getUint32(8 + 4 * segment, true) : data.length;
    while (from < end && to < out.length) {
      const control = data[from];
      from += 1;
      if (control < 128) for (let i = 0; i <= control; i += 1, to += step) { out[to] = data[from]; from += 1; }
      else if (control > 128) { for (let i = 0; i < 257 - control; i += 1, to += step) out[to] = data[from]; from += 1; }
    }
  }
  image.planar = false;
  return out;
}

function paint(bytes, image) {
  const pixels = new ImageData(image.columns, image.rows);
  if (image.samples === 3) paintColour(bytes, image, pixels.data);
  else paintGray(bytes, image, pixels.data);
  return pixels;
}

function paintColour(bytes, { rows, columns, planar, photometric }, out) {
  const count = rows * columns;
  const [step, plane] = planar ? [1, count] : [3, 1];
  for (let i = 0, o = 0; i < count; i += 1, o += 4) {
    const [a, b, c] = [bytes[i * step], bytes[i * step + plane], bytes[i * step + 2 * plane]];
    if (photometric === 'RGB') { out[o] = a; out[o + 1] = b; out[o + 2] = c; } else {
      out[o] = a + 1.402 * (c - 128);
      out[o + 1] = a - 0.344136 * (b - 128) - 0.714136 * (c - 128);
      out[o + 2] = a + 1.772 * (b - 128);
    }
    out[o + 3] = 255;
  }
}

function paintGray(bytes, image, out) {
  const count = image.rows * image.columns;
  const aligned = image.bytes === 2 ? bytes.slice(0, count * 2).buffer : null;
  const stored = image.bytes === 1 ? bytes : image.signed ? new Int16Array(aligned) : new Uint16Array(aligned);
  let { center, width } = image;
  if (!(width > 1)) {
    let [low, high] = [Infinity, -Infinity];
    for (let i = 0; i < count; i += 1) { low = Math.min(low, stored[i]); high = Math.max(high, stored[i]); }
    [low, high] = [low * image.slope + image.intercept, high * image.slope + image.intercept];
    [center, width] = [(low + high) / 2, Math.max(high - low, 2)];
  }
  const invert = image.photometric === 'MONOCHROME1';
  for (let i = 0, o = 0; i < count; i += 1, o += 4) {
    const value = stored[i] * image.slope + image.intercept;
    const shade = Math.min(1, Math.max(0, (value - (center - 0.5)) / (width - 1) + 0.5)) * 255;  // PS3.3 C.11.2.1.2
    out[o] = out[o + 1] = out[o + 2] = invert ? 255 - shade : shade;
    out[o + 3] = 255;
  }
}
