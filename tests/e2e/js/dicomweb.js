// The JavaScript dicomweb-client in Node: every call of its API, each answer told as one line of JSON.
//   node dicomweb.js SERVICE STUDY SERIES INSTANCE BULKDATA-URI PATIENT-ID
import { createHash } from 'node:crypto';
import { api } from 'dicomweb-client';
import XMLHttpRequest from 'xhr2';

globalThis.XMLHttpRequest = XMLHttpRequest;
const [url, studyInstanceUID, seriesInstanceUID, sopInstanceUID, BulkDataURI, patient] = process.argv.slice(2);
const client = new api.DICOMwebClient({ url });
const study = { studyInstanceUID };
const series = { ...study, seriesInstanceUID };
const instance = { ...series, sopInstanceUID };
const jpeg = [{ mediaType: 'image/jpeg' }];
const png = [{ mediaType: 'image/png' }];
const octets = [{ mediaType: 'application/octet-stream', transferSyntaxUID: '*' }];

const calls = {
  searchForStudies: () => client.searchForStudies(),
  'searchForStudies by PatientID': () => client.searchForStudies({ queryParams: { PatientID: patient } }),
  'searchForStudies by PatientName': () => client.searchForStudies({ queryParams: { PatientName: `${patient.slice(0, 6)}*` } }),
  'searchForStudies, none': () => client.searchForStudies({ queryParams: { PatientID: 'nobody' } }),
  'searchForStudies, a page': () => client.searchForStudies({ queryParams: { limit: 2, offset: 1, includefield: '00081030,00080060' } }),
  searchForSeries: () => client.searchForSeries(study),
  'searchForSeries of all': () => client.searchForSeries(),
  searchForInstances: () => client.searchForInstances(series),
  'searchForInstances of a study': () => client.searchForInstances(study),
  retrieveStudyMetadata: () => client.retrieveStudyMetadata(study),
  retrieveSeriesMetadata: () => client.retrieveSeriesMetadata(series),
  retrieveInstanceMetadata: () => client.retrieveInstanceMetadata(instance),
  retrieveStudy: () => client.retrieveStudy(study),
  retrieveSeries: () => client.retrieveSeries(series),
  retrieveInstance: () => client.retrieveInstance(instance),
  retrieveInstanceFrames: () => client.retrieveInstanceFrames({ ...instance, frameNumbers: [1] }),
  'retrieveInstanceFrames as stored': () => client.retrieveInstanceFrames({ ...instance, frameNumbers: [1], mediaTypes: octets }),
  retrieveInstanceRendered: () => client.retrieveInstanceRendered({ ...instance, mediaTypes: jpeg }),
  'retrieveInstanceRendered as PNG': () => client.retrieveInstanceRendered({ ...instance, mediaTypes: png }),
  'retrieveInstanceRendered, small': () =>
    client.retrieveInstanceRendered({ ...instance, mediaTypes: jpeg, queryParams: { viewport: '16,16', window: '40,400,linear' } }),
  retrieveInstanceFramesRendered: () => client.retrieveInstanceFramesRendered({ ...instance, frameNumbers: [1], mediaTypes: jpeg }),
  retrieveInstanceThumbnail: () => client.retrieveInstanceThumbnail({ ...instance, mediaTypes: jpeg }),
  retrieveInstanceFramesThumbnail: () => client.retrieveInstanceFramesThumbnail({ ...instance, frameNumbers: [1], mediaTypes: jpeg }),
  'retrieveBulkData': () => client.retrieveBulkData({ BulkDataURI }),
  'retrieveBulkData, one part': () =>
    client.retrieveBulkData({ BulkDataURI, mediaTypes: [{ mediaType: 'application/octet-stream' }] }),
};

function told(answer) {
  if (answer instanceof ArrayBuffer || ArrayBuffer.isView(answer)) {
    const bytes = Buffer.from(answer.buffer ?? answer);
    return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  }
  return Array.isArray(answer) ? answer.map(told) : answer && typeof answer === 'object' ? { uid: uid(answer) } : answer;
}

function uid(dataSet) {
  return ['00080018', '0020000E', '0020000D'].map((tag) => dataSet[tag]?.Value?.[0]).find(Boolean);
}

async function main() {
  for (const [name, call] of Object.entries(calls)) {
    try {
      console.log(JSON.stringify([name, told(await call())]));
    } catch (fault) {
      console.log(JSON.stringify([name, { failed: String(fault.message ?? fault), status: fault.status }]));
    }
  }
}

main();
