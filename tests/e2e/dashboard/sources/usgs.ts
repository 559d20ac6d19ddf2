import earthquakes from "@penstock/sources/usgs.ts";

export default earthquakes;
