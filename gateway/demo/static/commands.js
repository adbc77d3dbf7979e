// Copy-and-paste commands for the worklist of this server.

export function commandsFor(base, worklist, studyUid = 'STUDY_INSTANCE_UID', patientId = 'PATIENT_ID') {
  return {
    curl: [
      { title: 'Search: the studies of the worklist, and those of one pseudonym', lines:
`curl -s '${base}/studies?limit=10'
curl -s '${base}/studies?PatientID=${encodeURIComponent(patientId)}&includefield=StudyDescription'` },
      { title: 'Metadata of a study as DICOM JSON', lines: `curl -s '${base}/studies/${studyUid}/metadata' | python3 -m json.tool` },
      { title: 'A picture of a study, and the study as a zip with a DICOMDIR', lines:
`curl -s -o study.jpg '${base}/studies/${studyUid}/thumbnail'
curl -s -o study.zip -H 'Accept: application/zip' '${base}/studies/${studyUid}'` },
      { title: 'Retrieve a study: Part 10 files in multipart/related', lines:
`curl -s -o study.multipart \\
  -H 'Accept: multipart/related; type="application/dicom"; transfer-syntax=*' \\
  '${base}/studies/${studyUid}'` },
    ],
    Python: [
      { title: 'dicomweb-client (pip install dicomweb-client)', lines:
`from dicomweb_client import DICOMwebClient

client = DICOMwebClient("${base}")
for study in client.search_for_studies():
    print(study["00100020"]["Value"], study["0020000D"]["Value"])

for instance in client.iter_study("${studyUid}"):
    instance.save_as(f"{instance.SOPInstanceUID}.dcm")` },
    ],
    OHIF: [
      { title: 'app-config.js of OHIF 3', lines:
`window.config = {
  routerBasename: null,
  extensions: [],
  modes: [],
  showStudyList: true,
  defaultDataSourceName: '${worklist}',
  dataSources: [
    {
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: '${worklist}',
      configuration: {
        friendlyName: '${worklist}, de-identified',
        name: '${worklist}',
        qidoRoot: '${base}',
        wadoRoot: '${base}',
        imageRendering: 'wadors',
        thumbnailRendering: 'wadors',
        enableStudyLazyLoad: true,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        omitQuotationForMultipartRequest: true,
        bulkDataURI: { enabled: true },
      },
    },
  ],
};` },
    ],
  };
}

export function uplinkCommands(uplink, destination, store, studyUid = 'STUDY_INSTANCE_UID') {
  return [
    { title: 'Send the study that is open above, and share it: the answer is a job', lines:
`curl -s -H 'Content-Type: application/json' \\
  -d '{"study": "${studyUid}", "share": {}}' \\
  '${uplink}'` },
    { title: 'Follow the job', lines: `curl -sN '${uplink}/jobs/JOB/events'` },
    { title: 'What the destination holds', lines: `curl -s '${destination}/studies' | python3 -m json.tool` },
    { title: 'Or store files of your own (STOW-RS): each is de-identified on its way', lines:
`curl -s -H 'Content-Type: application/dicom' --data-binary @FILE.dcm \\
  '${store}/studies'` },
  ];
}
