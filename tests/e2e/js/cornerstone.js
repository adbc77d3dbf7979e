// Cornerstone's dicom-image-loader in a page: `load` loads one image and tells its size and its pixels.
import { imageLoader, init as initCore } from '@cornerstonejs/core';
import { init, wadors } from '@cornerstonejs/dicom-image-loader';

initCore();
init({ maxWebWorkers: 1 });

globalThis.load = async (imageId, metadata) => {
  if (metadata) wadors.metaDataManager.add(imageId, metadata);
  const loading = imageLoader.loadImage(imageId, { preScale: { enabled: false }, useRGBA: false });
  const image = await loading.catch((fault) => {
    throw new Error(fault.message ?? `${fault.error?.message} ${fault.request?.status}`);
  });
  return { rows: image.rows, columns: image.columns, color: image.color, pixels: Array.from(image.getPixelData()) };
};
