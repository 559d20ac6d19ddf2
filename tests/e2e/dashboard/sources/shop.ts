import shop from "../../deletions/sources/shop.ts";

export default shop;
