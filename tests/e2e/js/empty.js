// Stands in for a package that only writes XML files, which no test does.
export const create = undefined;
