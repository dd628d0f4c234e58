#version 330
// A head in camera coordinates: +x image right, +y up, +z towards the camera.
uniform mat4 place;      // model to camera
uniform vec4 lens;       // focal length over half width, over half height, near, far
uniform vec4 hairline;   // height at the middle, fall per x squared, depth behind which hair grows, lowest hair
uniform float ears;      // see head.frag.glsl
uniform float volume;    // of the hair or cap, centimetres
in vec3 position;
in vec3 normal;
in float cavity;
in vec3 rest;
in float kind;
out vec3 v_position;
out vec3 v_normal;
out vec3 v_rest;
out float v_cavity;
flat out float v_kind;

float inside_hair(vec3 p) {
    float top = p.y - (hairline.x - hairline.y * p.x * p.x);
    float back = min(hairline.z - ears * smoothstep(5.0, 2.5, p.y) - p.z, p.y - hairline.w);
    return max(top, back);
}

void main() {
    float grown = kind < 1.5 ? smoothstep(0.0, 2.5, inside_hair(rest)) : 0.0;
    vec3 moved = position + normal * grown * volume;
    if (kind > 1.5) moved.z -= kind < 2.5 ? 0.13 : 0.2;  // keep the cornea behind closed lids, teeth behind closed lips
    vec4 p = place * vec4(moved, 1.0);
    v_position = p.xyz;
    v_normal = mat3(place) * normal;
    v_rest = rest;
    v_cavity = cavity;
    v_kind = kind;
    float depth = -p.z;
    gl_Position = vec4(p.xy * lens.xy, (depth * (lens.w + lens.z) - 2.0 * lens.w * lens.z) / (lens.w - lens.z), depth);
}
