#version 330
uniform sampler2D paint;       // sRGB albedo of the face, frontal projection of the mean neutral face
uniform sampler2D folds_upper; // heights: AU4 glabella, AU9 nose root, forehead inner, forehead outer
uniform sampler2D folds_lower; // heights: AU6 crow's feet, AU7 lower lid, nasolabial, chin and mouth corners
uniform sampler2D grain;       // grey noise, repeating
uniform vec4 fold_left[2];     // depth of each fold, the person's left, centimetres
uniform vec4 fold_right[2];
uniform vec3 skin;             // sRGB, where the paint does not reach
uniform vec3 hair;             // sRGB
uniform vec4 hairline;
uniform float ears;            // how far behind the hairline the hair stays below the temples, to leave the ears free
uniform float cloth;           // 1: the hairline is a cap's edge
uniform vec3 iris;             // sRGB
uniform float pupil;           // grey; bright before infra-red lamps beside the lens
uniform vec3 sclera;
uniform vec3 teeth;
uniform vec3 mouth;
uniform vec3 gaze;             // direction of the left eye in head coordinates, z forward
uniform vec2 eye_size;         // angle of the iris and of the pupil, radians
uniform float oil;             // strength of the skin's shine
uniform float occlusion;       // how much folds darken
uniform vec3 light_from[3];    // unit vectors, camera coordinates
uniform vec3 light[3];         // linear colours
uniform vec3 sky;
uniform vec3 ground;
uniform float exposure;
uniform float parted;          // 0..1: light that falls between the lips
in vec3 v_position;
in vec3 v_normal;
in vec3 v_rest;
in float v_cavity;
flat in float v_kind;
out vec4 colour;

const vec3 EYE = vec3(3.1, 3.61, 8.05); // centre of the person's left eye in the mean face

// Gamma 2 instead of sRGB's curve: a software rasteriser squares faster than it raises to powers.
vec3 linear(vec3 c) { return c * c; }

void main() {
    vec3 n = normalize(v_normal);
    vec3 to_eye = normalize(-v_position);
    vec3 base = skin;
    float shine = oil, sharpness = 18.0, shade = clamp(1.0 - occlusion * max(v_cavity, 0.0), 0.3, 1.0);
    if (v_kind < 1.5) {
        vec2 at = (v_rest.xy + vec2(10.0, 8.0)) / 20.0;
        float front = smoothstep(0.0, 3.0, v_rest.z);
        base = mix(skin, texture(paint, at).rgb, front);
        float left = smoothstep(-0.8, 0.8, v_rest.x);
        vec4 upper = texture(folds_upper, at) * 2.0 - 1.0, lower = texture(folds_lower, at) * 2.0 - 1.0;
        float height = dot(upper, mix(fold_right[0], fold_left[0], left)) + dot(lower, mix(fold_right[1], fold_left[1], left));
        height *= front;
        // Bump mapping without tangents: Mikkelsen, Journal of Graphics Tools 15(1), 2010.
        vec3 px = dFdx(v_position), py = dFdy(v_position), r1 = cross(py, n), r2 = cross(n, px);
        float det = dot(px, r1);
        vec3 gradient = sign(det) * (dFdx(height) * r1 + dFdy(height) * r2);
        n = normalize(abs(det) * n - gradient);
        shade *= clamp(1.0 + 4.5 * min(height, 0.0), 0.35, 1.0);
        if (v_kind > 0.5 && v_rest.z > 0.5 && abs(v_rest.x) < 6.0 && v_rest.y > -7.0 && v_rest.y < 6.5) { base = mouth; shade *= 0.35; }
        else {
            float strands = texture(grain, vec2(v_rest.x * 0.31 + v_rest.z * 0.27, v_rest.y * 0.03)).r;
            float top = v_rest.y - (hairline.x - hairline.y * v_rest.x * v_rest.x);
            float back = min(hairline.z - ears * smoothstep(5.0, 2.5, v_rest.y) - v_rest.z, v_rest.y - hairline.w);
            float edge = (strands - 0.5) * mix(1.4, 0.0, cloth);
            float covered = smoothstep(-0.25, mix(0.5, -0.1, cloth), max(top, back) + edge);
            float cloth_fold = 0.75 + 0.5 * texture(grain, v_rest.xy * 0.02 + v_rest.z * 0.013).r;
            base = mix(base, hair * mix(0.55 + 0.9 * strands, cloth_fold, cloth), covered);
            shine = mix(shine, mix(0.25, 0.02, cloth), covered);
            shade *= 1.0 - 0.3 * smoothstep(-8.0, -12.0, v_rest.y);
        }
    } else if (v_kind < 2.5) {
        float side = sign(v_rest.x);
        vec3 look = normalize(v_rest - vec3(side * EYE.x, EYE.yz));
        float angle = acos(clamp(dot(look, gaze), -1.0, 1.0));
        float ring = texture(grain, vec2(atan(look.y - gaze.y, look.x - gaze.x) * 0.6, angle)).r;
        base = mix(iris * (0.7 + 0.6 * ring), sclera, smoothstep(eye_size.x * 0.94, eye_size.x * 1.06, angle));
        base *= mix(0.55, 1.0, smoothstep(0.0, 0.07, abs(angle - eye_size.x)));
        base = mix(vec3(pupil), base, smoothstep(eye_size.y * 0.9, eye_size.y * 1.1, angle));
        shine = 0.5; sharpness = 120.0; shade *= 0.8;
    } else if (v_kind < 3.5) {
        base = teeth; shine = 0.25; sharpness = 60.0;
        shade *= parted * (0.35 + 0.65 * smoothstep(6.5, 10.5, v_rest.z));
    } else {
        base = mouth; shine = 0.2; sharpness = 30.0;
        shade *= parted * (0.25 + 0.55 * smoothstep(4.0, 10.5, v_rest.z));
    }
    vec3 albedo = linear(base), lit = mix(ground, sky, 0.5 + 0.5 * n.y) * albedo * shade;
    for (int i = 0; i < 3; ++i) {
        float toward = dot(n, light_from[i]);
        // Red light bleeds a little further round skin than blue.
        vec3 wrapped = max(vec3(toward) + vec3(0.22, 0.12, 0.08), 0.0) / vec3(1.22, 1.12, 1.08);
        vec3 half_way = normalize(light_from[i] + to_eye);
        float gloss = pow(max(dot(n, half_way), 0.0), sharpness) * shine * (0.3 + 0.7 * pow(1.0 - max(dot(n, to_eye), 0.0), 2.0));
        lit += light[i] * shade * (albedo * wrapped + gloss * step(0.0, toward));
    }
    vec3 exposed = 1.0 - exp(-exposure * lit);
    colour = vec4(sqrt(exposed), 1.0);
}
